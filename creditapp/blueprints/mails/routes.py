"""The mails of one customer, and one of them with its text; one that has failed can be sent again."""

from __future__ import annotations

from typing import Any

from flask import abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Row

from creditapp.blueprints.mails import bp
from creditapp.blueprints.users.finding import profile_or_404
from creditapp.db import db, transact
from creditapp.errors import MailStateError
from creditapp.models import Mail, MailEvent, MailStatus
from creditapp.permissions import Permission, can, requires
from creditapp.queries import mails as queries
from creditapp.queries.customers import Profile
from creditapp.services.mails import outbox
from creditapp.services.mails.catalogue import delivered
from creditapp.services.mails.wording import URL, paragraphs
from creditapp.web import urls
from creditapp.web.fields import refuse_form
from creditapp.web.forms import BareForm
from creditapp.web.lists import Column, Sort, link, make_page, read_cursor, select_page
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.sessions import current_actor

COLUMNS = (Column("Written"), Column("Mail"), Column("Subject"), Column("To"), Column("State"))
SORT = Sort((Mail.__table__.c.id,), descending=True, read=urls.each(urls.whole))
TONES = {MailStatus.WAITING: "waiting", MailStatus.SENT: "done", MailStatus.FAILED: "wrong"}


@bp.get("/admin/users/<id:customer_id>/mails")
@requires(Permission.MAIL_READ)
def index(customer_id: int) -> ResponseReturnValue:
    customer = profile_or_404(customer_id)
    path, cursor = url_for("mails.index", customer_id=customer_id), read_cursor(request.args, SORT)
    found = db.session.execute(select_page(queries.select_mails(customer_id), SORT, cursor)).all()
    page = make_page(found, cursor, key_of=lambda row: (row.id,), url=lambda **place: link(path, place), noun="mails")
    return render_page(
        "mails/index.html",
        crumbs=_crumbs(customer),
        customer=customer,
        page=page,
        columns=COLUMNS,
        label_of=label_of,
        tone_of=tone_of,
    )


@bp.get("/admin/users/<id:customer_id>/mails/<id:mail_id>")
@requires(Permission.MAIL_READ)
def show(customer_id: int, mail_id: int) -> ResponseReturnValue:
    return _page(profile_or_404(customer_id), _mail_or_404(customer_id, mail_id), BareForm(sent=False))


@bp.post("/admin/users/<id:customer_id>/mails/<id:mail_id>")
@requires(Permission.MAIL_WRITE)
def send_again(customer_id: int, mail_id: int) -> ResponseReturnValue:
    customer, mail, form = profile_or_404(customer_id), _mail_or_404(customer_id, mail_id), BareForm()
    if form.validate():
        try:
            transact(outbox.send_again, customer_id, mail_id, by=current_actor())
        except MailStateError as error:
            refuse_form(form, error)
        else:
            words = "It goes out within a minute." if current_app.config["SMTP_URL"] else "It waits for a mail server."
            notify("The mail will be sent again.", words)
            return redirect(url_for("mails.index", customer_id=customer_id), 303)
    return _page(customer, mail, form)


def label_of(event: str) -> str:
    """Return what a mail is about, in words."""
    return delivered(MailEvent(event)).label


def tone_of(status: str) -> str:
    """Return the colour of a mail's state."""
    return TONES[MailStatus(status)]


def _mail_or_404(customer_id: int, mail_id: int) -> Row[*tuple[Any, ...]]:
    found = queries.find(db.session(), customer_id, mail_id)
    if found is None:
        abort(404)
    return found


def _page(customer: Profile, mail: Row[*tuple[Any, ...]], form: BareForm) -> ResponseReturnValue:
    has_link = "url" in delivered(MailEvent(mail.event)).placeholders
    return render_page(
        "mails/show.html",
        form,
        crumbs=[
            *_crumbs(customer)[:-1],
            ("Mails", url_for("mails.index", customer_id=customer.id)),
            (f"{mail.id}", None),
        ],
        customer=customer,
        mail=mail,
        label=label_of(mail.event),
        tone=tone_of(mail.status),
        paragraphs=paragraphs(mail.text.replace(URL, "(the link, which nobody else may see)")),
        can_send_again=mail.status == MailStatus.FAILED and not has_link and can(Permission.MAIL_WRITE),
    )


def _crumbs(customer: Profile) -> list[tuple[str, str | None]]:
    of_customer = url_for("users.show", customer_id=customer.id)
    return [("Admin", None), ("Users", url_for("users.index")), (customer.name, of_customer), ("Mails", None)]
