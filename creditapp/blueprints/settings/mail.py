"""Settings, *Mail*: where mails come from, which are sent, and their words with a preview."""

from __future__ import annotations

from flask import abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.settings import bp
from creditapp.blueprints.settings.mail_forms import MailForm, MailTextForm, RestoreForm, TestMailForm
from creditapp.blueprints.settings.tabs import tabs
from creditapp.db import db, transact
from creditapp.errors import MailSetUpError, MailTextError, StaleFormError
from creditapp.models import MailEvent
from creditapp.permissions import Permission, requires
from creditapp.queries import mails as queries
from creditapp.services.mails import preview, texts
from creditapp.services.mails.catalogue import DELIVERED, delivered
from creditapp.web.fields import echo, refuse, refuse_form
from creditapp.web.lists import Column
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.sessions import current_actor

PATH = "/admin/billing/settings/mail"
EVENT_COLUMNS = (Column("Mail"), Column("When"), Column("Text"), Column("Sent"))
UPDATE = "update"


@bp.get(PATH)
@requires(Permission.SETTINGS_READ)
def mail() -> ResponseReturnValue:
    return _page(_form())


@bp.post(PATH)
@requires(Permission.SETTINGS_WRITE)
def save_mail() -> ResponseReturnValue:
    form = _form()
    if form.validate():
        try:
            transact(texts.save, form.fields, form.is_on, version=form.version.number, by=current_actor())
        except StaleFormError as error:
            refuse_form(form, error)
            form.compare(db.session.execute(queries.select_set_up()).one(), texts.switches(db.session()))
        else:
            notify("Settings saved.", "They hold for mails that are written from now on.")
            return redirect(url_for("settings.mail"), 303)
    return _page(form)


@bp.post(f"{PATH}/test")
@requires(Permission.SETTINGS_WRITE)
def test_mail() -> ResponseReturnValue:
    form = TestMailForm()
    if not form.validate():
        return _page(_form(sent=False), form)
    try:
        recipient = transact(texts.send_test, by=current_actor(), key=form.submission.key)
    except MailSetUpError as error:
        refuse_form(form, error)
        return _page(_form(sent=False), form)
    words = "It goes out within a minute." if _server() else "It waits: there is no mail server yet."
    notify(f"A test to {recipient} was written.", words)
    return redirect(url_for("settings.mail"), 303)


@bp.get(f"{PATH}/<event>")
@requires(Permission.SETTINGS_READ)
def mail_text(event: str) -> ResponseReturnValue:
    known = _known(event)
    return _text_page(known, _text_form(known))


@bp.post(f"{PATH}/<event>")
@requires(Permission.SETTINGS_WRITE)
def save_mail_text(event: str) -> ResponseReturnValue:
    known = _known(event)
    form = _text_form(known)
    if not form.validate():
        return _text_page(known, form)
    subject, body = form.subject.text, form.body.text
    try:
        if request.form.get("act") == UPDATE:
            texts.check(known, subject, body)
            return _text_page(known, form)
        transact(texts.save_text, known, subject=subject, body=body, version=form.version.number, by=current_actor())
    except MailTextError as error:
        refuse(form[error.field], error)
    except StaleFormError as error:
        refuse_form(form, error)
        form.version.data = str(queries.find_text(db.session(), known).version)
    else:
        notify("Text saved.", f"“{delivered(known).label}” is written with it from now on.")
        return redirect(url_for("settings.mail"), 303)
    return _text_page(known, form)


@bp.post(f"{PATH}/<event>/restoration")
@requires(Permission.SETTINGS_WRITE)
def restore_mail_text(event: str) -> ResponseReturnValue:
    known = _known(event)
    form = RestoreForm()
    if form.validate():
        try:
            transact(texts.restore_text, known, version=form.version.number, by=current_actor())
        except StaleFormError as error:
            refuse_form(form, error)
        else:
            notify("Text restored.", f"“{delivered(known).label}” is as it was delivered.")
            return redirect(url_for("settings.mail_text", event=event), 303)
    return _text_page(known, _text_form(known, sent=False), form)


def _known(event: str) -> MailEvent:
    if event not in list(DELIVERED):
        abort(404)
    return MailEvent(event)


def _server() -> str:
    """Return the server that takes mails, without its password; empty where there is none."""
    return preview.server_name(current_app.config["SMTP_URL"])


def _form(*, sent: bool = True) -> MailForm:
    saved = db.session.execute(queries.select_set_up()).one()
    return MailForm(saved, texts.switches(db.session()), sent=sent)


def _page(form: MailForm, test_form: TestMailForm | None = None) -> ResponseReturnValue:
    session = db.session()
    return render_page(
        "settings/mail.html",
        test_form or form,
        crumbs=[("Admin", None), ("Billing", None), ("Settings", url_for("settings.show")), ("Mail", None)],
        tabs=tabs(),
        mail_form=form,
        test_form=test_form or TestMailForm(sent=False),
        setting=session.execute(queries.select_set_up()).one(),
        switches=texts.switches(session),
        changed=queries.changed(session),
        columns=EVENT_COLUMNS,
        server=_server(),
        backlog=queries.backlog(session),
        count_max=queries.COUNT_MAX,
    )


def _text_form(event: MailEvent, *, sent: bool = True) -> MailTextForm:
    saved, known = queries.find_text(db.session(), event), delivered(event)
    subject, body = saved.subject or known.subject, saved.body or known.body
    return MailTextForm(data={"subject": subject, "body": body, "version": saved.version}, sent=sent)


def _text_page(event: MailEvent, form: MailTextForm, restore: RestoreForm | None = None) -> ResponseReturnValue:
    known, panel = delivered(event), current_panel()
    saved = queries.find_text(db.session(), event)
    shown = preview.example(
        event, echo(form.subject.data), echo(form.body.data), company=panel.company_name, currency=panel.currency
    )
    return render_page(
        "settings/mail_text.html",
        restore or form,
        crumbs=[
            *(("Admin", None), ("Billing", None), ("Settings", url_for("settings.show"))),
            ("Mail", url_for("settings.mail")),
            (known.label, None),
        ],
        event=str(event),
        mail=known,
        placeholders=[(f"{{{name}}}", meaning) for name, meaning in known.names.items()],
        text_form=form,
        restore_form=restore or RestoreForm(data={"version": saved.version}, sent=False),
        is_changed=bool(saved.body),
        shown=shown,
    )
