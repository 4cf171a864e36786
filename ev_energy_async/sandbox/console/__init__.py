"""The console: a web page at `/_sandbox/ui/` to see what a client does, and to make the API misbehave.

`Console` answers requests for its pages, forms and static files, and streams what is new to open pages. The pages are
made here, as HTML in which everything is escaped (`markup`); they work without the one script, which only keeps them
up to date. The server decides who may come in.
"""

from ev_energy_async.sandbox.console.console import UI_PATH, Console
from ev_energy_async.sandbox.console.figures import Bucket, Shown

__all__ = ["UI_PATH", "Bucket", "Console", "Shown"]
