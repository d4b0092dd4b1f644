"""What every blueprint shares: forms, fields, pages, charts, files to download."""
