"""Six pictures of a fleet, as one page that needs no network, or in a notebook. Needs the extra `[report]`.

People call it with what a `ParquetSink` wrote, with tables of their own, or with the checkpoint of a watch; it makes no
request. Of the package, the command line alone uses it.
"""

from typing import TYPE_CHECKING

from ev_energy_async._lazy import face

if TYPE_CHECKING:
    from ev_energy_async.report.reporting import Report as Report
    from ev_energy_async.report.reporting import report as report
else:
    __getattr__, __dir__, __all__ = face(__name__, reporting=("Report", "report"))
