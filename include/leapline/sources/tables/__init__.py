"""What the sources that read an events table share: its rows by time, and their export into landed files."""
