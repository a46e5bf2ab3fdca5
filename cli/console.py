"""`beforehand console`: the pages for people, for customers and for other systems, served alone."""

from typing import Annotated

import typer

from cli.voice import VOICE, configured
from ledger.database import sessions
from ledger.people import active_admins


def console(
    host: Annotated[str | None, typer.Option(help="Where to listen (default: [console] host, 127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="On which port (default: [console] port, 8090).")] = None,
) -> None:
    """Serve the console until Ctrl-C. A proxy in front of it brings HTTPS; see [console] secure."""
    import uvicorn

    from console.app import create_app

    settings = configured()
    stated = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings.model_copy(update={"console": settings.console.model_copy(update=stated)})
    with sessions(settings).begin() as session:
        admins = active_admins(session)
    VOICE.say(f"The console is at {settings.console.url}; Ctrl-C stops it.")
    if not admins:
        VOICE.say("Nobody may sign in as an admin yet. In another terminal: beforehand people add ADDRESS --role admin")
    app = create_app(settings)
    uvicorn.run(app, host=settings.console.host, port=settings.console.port, log_level="warning", server_header=False, access_log=False)
