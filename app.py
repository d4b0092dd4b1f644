"""The application, for `flask --app app` and `gunicorn app:app`."""

import gc

from creditapp import create_app

app = create_app()
gc.freeze()  # what is loaded stays loaded: looking through it for garbage took a tenth of the time of a long job
