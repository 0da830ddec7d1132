"""The events table in Amazon Redshift."""
