"""What every form is: protected against forgery, filled again from a draft, and strict about what is sent twice."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

import structlog
from flask import g, has_request_context, request
from flask_wtf import FlaskForm
from werkzeug.datastructures import FileStorage, MultiDict
from wtforms import FileField, SelectMultipleField
from wtforms.widgets import HiddenInput

from creditapp.web.logs import shown_path

log = structlog.get_logger(__name__)

_EXPIRED = "This form had expired. Nothing was saved; check it and send it again."

_BROKEN = "This form holds a broken character. Nothing was saved; type the text anew and send it again."


class Form(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """The base of all forms. A missing or foreign token is an error of the form like any other: nothing is lost.

    A page with several forms makes those that were not sent with `sent=False`: they show what is saved.
    """

    form_errors: list[str]

    def __init__(self, formdata: Any = None, *, sent: bool = True, **kw: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        self.from_draft = self.is_broken = False
        if sent and formdata is None and has_request_context():
            if request.method in {"POST", "PUT", "PATCH", "DELETE"}:
                self.is_broken = _holds_broken_characters()
                formdata = MultiDict([*request.form.items(multi=True), *self._files_asked_for()])
            elif g.get("draft") is not None:
                formdata = MultiDict(g.draft)
                self.from_draft = True
        super().__init__(formdata=formdata, **kw)
        self._tell_hidden_fields_apart()
        if self.from_draft and "submission" in self:
            self.submission.data = self.submission.default()

    def validate(self, extra_validators: Any = None) -> bool:  # noqa: ANN401  (WTForms' signature)
        """Return whether every field is well-formed, the token is ours, and no field was sent twice."""
        valid = bool(super().validate(extra_validators))
        if any(field.type == "CSRFTokenField" and field.errors for field in self):
            log.warning("csrf_failed", path=shown_path(), method=request.method)
        if self.is_broken:
            self.form_errors = [*self.form_errors, _BROKEN]
            valid = False
        for field in self:
            several = isinstance(field, SelectMultipleField)
            if not several and len(request.form.getlist(field.name)) > 1:
                field.errors = [*field.errors, "This field was sent more than once. Send the form again."]
                valid = False
        return valid

    def _files_asked_for(self) -> list[tuple[str, FileStorage]]:
        """Return the files that were sent where files are asked for; anywhere else a file is no text."""
        unbound = self._unbound_fields or ()
        names = {name for name, field in unbound if issubclass(field.field_class, FileField)}
        return [(name, file) for name, file in request.files.items(multi=True) if name in names]

    def _tell_hidden_fields_apart(self) -> None:
        """Several forms on one page have a token each; their ids must differ."""
        if not has_request_context():
            return
        g.forms_made = g.get("forms_made", 0) + 1
        for field in self:
            if isinstance(field.widget, HiddenInput):
                field.id = f"{field.name}-{g.forms_made}"

    @property
    def problems(self) -> list[tuple[str, str | None]]:
        """Every message with the id of the field it stands beside; None where it concerns the whole form."""
        found: list[tuple[str, str | None]] = []
        for field in self:
            for error in field.errors:
                if field.type == "CSRFTokenField":
                    found.append((_EXPIRED, None))
                elif isinstance(field.widget, HiddenInput):
                    found.append((str(error), None))
                else:
                    found.append((str(error), field.id))
        found += [(str(error), None) for error in self.form_errors]
        return found


class BareForm(Form):
    """A form with nothing but its token: a button that does something."""


def _holds_broken_characters() -> bool:
    """Return whether the form was sent with bytes that are no UTF-8, such as half of a surrogate pair.

    Werkzeug keeps such bytes as they were escaped (`%ED%A0%80`), which would then be saved as if it had been typed.
    """
    if request.mimetype != "application/x-www-form-urlencoded":
        return False
    sent = request.get_data(cache=True)
    try:
        unquote_to_bytes(sent).decode()
    except UnicodeDecodeError:
        return True
    return False
