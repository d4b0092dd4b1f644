"""Reads worth a name; each returns a Select or plain rows."""
