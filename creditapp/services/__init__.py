"""Every write, one noun per file. A service takes a session, ids and plain values, and knows no request."""
