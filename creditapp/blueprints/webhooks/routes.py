"""Where gateways tell what has happened. 2xx is said only once it is in the books; otherwise they tell it again."""

from __future__ import annotations

from datetime import UTC, datetime

import structlog
from flask import Response, abort, request
from werkzeug.exceptions import RequestEntityTooLarge

from creditapp.blueprints.webhooks import bp
from creditapp.errors import DomainError
from creditapp.gateways import GatewayError
from creditapp.permissions import public
from creditapp.web.gateways import gateways, hear

BODY_BYTES_MAX = 256 * 1024
log = structlog.get_logger(__name__)


@bp.post("/webhooks/<gateway>")
@public
def receive(gateway: str) -> Response:
    request.max_content_length = BODY_BYTES_MAX
    one = gateways().get(gateway)
    if one is None or not one.has_page or one.problem:
        abort(404)
    try:
        body = request.get_data(cache=False)
        told = one.read_event(body, dict(request.headers.items()), datetime.now(UTC))
        taken = hear(one, told, body)
    except RequestEntityTooLarge:
        return _answer("Too large.", 413)
    except GatewayError as error:
        log.warning("callback_refused", gateway=gateway, why=type(error).__name__)
        return _answer("Not understood.", 400)
    except DomainError as error:
        log.warning("callback_failed", gateway=gateway, why=type(error).__name__)
        return _answer("Not now. Send it again.", 503)
    log.info("callback_taken", gateway=gateway, statuses=[str(each.status) for each in taken])
    return _answer("Taken.", 200)


def _answer(words: str, status: int) -> Response:
    return Response(words, status, mimetype="text/plain")
