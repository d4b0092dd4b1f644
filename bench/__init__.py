"""What `make bench` and `make soak` run. Imported by nothing of the application."""
