"""The version of this project, readable where it is not installed."""

VERSION = "0.1.0"
