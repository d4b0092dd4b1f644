"""The edge, one folder per blueprint: routes and forms."""
