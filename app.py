"""The application, for `flask --app app` and `gunicorn app:app`."""

from creditapp import create_app

app = create_app()
