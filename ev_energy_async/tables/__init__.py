"""Models as Arrow tables, for pandas, polars, DuckDB and Parquet. Needs the extra `[tables]`.

Data people call it with the items that lists, backfills and watches yield; it makes no request of its own. Of the
package, the command line alone uses it.
"""

from typing import TYPE_CHECKING

from ev_energy_async._lazy import face

if TYPE_CHECKING:
    from ev_energy_async.tables.build import schema as schema
    from ev_energy_async.tables.build import table as table
    from ev_energy_async.tables.folder import SinkError as SinkError
    from ev_energy_async.tables.load import Written as Written
    from ev_energy_async.tables.sink import ParquetSink as ParquetSink
    from ev_energy_async.tables.streams import Batch as Batch
    from ev_energy_async.tables.streams import batches as batches
    from ev_energy_async.tables.streams import collect as collect
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        streams=("Batch", "batches", "collect"),
        build=("schema", "table"),
        folder=("SinkError",),
        load=("Written",),
        sink=("ParquetSink",),
    )
