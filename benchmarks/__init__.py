"""What Leapline's speed is, beside what one would use instead: `make bench`."""
