"""The form that takes a file, or lines that were pasted."""

from __future__ import annotations

from io import BytesIO
from typing import Any, BinaryIO, cast

from werkzeug.datastructures import FileStorage
from wtforms import Field, FileField
from wtforms.validators import ValidationError

from creditapp.services.imports import PAGE_BYTES_MAX
from creditapp.web.fields import NoteField, showable
from creditapp.web.forms import Form


class PasteField(NoteField):
    """Pasted lines, kept and shown again as they are: what a cell may hold is the import's to say."""

    def pre_validate(self, form: Any) -> None:  # noqa: ANN401, ARG002  (WTForms' signature)
        self.text = self.data or ""

    def _value(self) -> str:
        return showable(self.data or "")


class UploadForm(Form):
    """Either a file or pasted lines."""

    file = FileField("CSV file")
    pasted = PasteField("Or paste its lines", chars_max=PAGE_BYTES_MAX)

    def validate_file(self, _field: FileField) -> None:
        """Take one of the two, not both."""
        is_pasted = bool((self.pasted.data or "").strip())
        if self._upload is None and not is_pasted:
            raise ValidationError("Choose a file, or paste its lines below.")
        if self._upload is not None and is_pasted:
            raise ValidationError("Choose a file or paste lines, not both: only one of them can be imported.")

    @property
    def box(self) -> Field:
        """The box that the content came from."""
        return self.pasted if self._upload is None else self.file

    @property
    def content(self) -> BinaryIO:
        """The bytes that were sent, from the beginning."""
        if self._upload is None:
            return BytesIO((self.pasted.data or "").encode("utf-8", "replace"))
        self._upload.stream.seek(0)
        return cast("BinaryIO", self._upload.stream)

    @property
    def _upload(self) -> FileStorage | None:
        return self.file.data if isinstance(self.file.data, FileStorage) and self.file.data.filename else None
