"""The command line of the sandbox. Needs the extra `[sandbox]` (typer, rich)."""

import asyncio
import contextlib
import signal
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ev_energy_async.sandbox.server import Sandbox

app = typer.Typer(add_completion=False, rich_markup_mode="rich")

_LOOPBACK = "127.0.0.1"


@app.command()
def run(
    *,
    vehicles: Annotated[int, typer.Option(min=0, help="How many vehicles the fleet has.")] = 1_000,
    evses: Annotated[
        int | None,
        typer.Option(min=0, show_default="three for every five vehicles", help="How many charge points there are."),
    ] = None,
    seed: Annotated[int, typer.Option(help="What the fleet is drawn from; the same seed gives the same fleet.")] = 7,
    host: Annotated[
        str, typer.Option(help="The address to listen on. Others than loopback open it to the network.")
    ] = _LOOPBACK,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port to listen on; 0 takes a free one.")] = 0,
    rate_limit: Annotated[
        int, typer.Option(min=0, help="Requests in a rolling hour for each application and user.")
    ] = 1_000,
    token_lifetime: Annotated[int, typer.Option(min=1, help="Seconds for which an access token is valid.")] = 36_000,
    client_id: Annotated[str, typer.Option(help="The application's id.")] = "sandbox-client",
    client_secret: Annotated[str, typer.Option(help="The application's secret.")] = "sandbox-secret",  # noqa: S107
) -> None:
    """Runs a local server that behaves like the ev.energy API, with a simulated fleet of electric vehicles behind it.

    The fleet drives, plugs in and charges as time goes by, and leaves logs of it, some of them late. Everything is in
    memory and gone at the end. Stop with Ctrl+C.
    """
    sandbox = Sandbox(
        vehicles=vehicles,
        evses=evses,
        seed=seed,
        host=host,
        port=port,
        rate_limit=rate_limit,
        token_lifetime=token_lifetime,
        client_id=client_id,
        client_secret=client_secret,
    )
    console = Console(soft_wrap=True)
    try:
        asyncio.run(_serve(sandbox, console))
    except KeyboardInterrupt:  # where the loop can't take signals itself
        pass
    except OSError as error:
        console.print(f"Can't listen on {host}:{port}: {error.strerror}", style="red")
        raise typer.Exit(1) from error
    console.print("Stopped.")


async def _serve(sandbox: Sandbox, console: Console) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stopped.set)
    async with sandbox:
        _introduce(sandbox, console)
        await stopped.wait()


def _introduce(sandbox: Sandbox, console: Console) -> None:
    console.print(f"The sandbox listens on [bold]{sandbox.base_url}[/bold]")
    table = Table(show_header=False, box=None)
    for name, value in (
        ("EV_ENERGY_BASE_URL", sandbox.base_url),
        ("EV_ENERGY_TOKEN_URL", sandbox.token_url),
        ("EV_ENERGY_CLIENT_ID", sandbox.client_id),
        ("EV_ENERGY_CLIENT_SECRET", sandbox.client_secret),
    ):
        table.add_row(name, value)
    console.print(table)
    world = sandbox.world
    console.print(
        f"{len(world.vehicles)} vehicles, {len(world.evses)} charge points, {len(world.users)} users. Stop with Ctrl+C."
    )
