"""What a result depends on (code, arguments, raw data), and how changes are found."""
