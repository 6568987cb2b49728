"""What several test modules start from: servers, terminals, files of each kind."""
