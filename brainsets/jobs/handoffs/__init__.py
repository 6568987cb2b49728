"""The handoff: what the download of an asset leaves for its processing."""
