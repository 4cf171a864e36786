"""In a fresh process, import a contender, create its client and make one call. Prints the cost as JSON.

    python benchmarks/cold.py MODULE BASE_URL [--preload] [--core N]

Run as a file, so that nothing the contender imports is imported before the measurement starts.
"""

import sys
import time

if __name__ == "__main__":
    # The folder above this file, which contains the package, instead of its own.
    sys.path[0] = __file__.rpartition("/benchmarks/")[0]
    if "--core" in sys.argv:
        from os import sched_setaffinity

        sched_setaffinity(0, {int(sys.argv[sys.argv.index("--core") + 1])})
    started = time.process_time()
    module = __import__(sys.argv[1], fromlist=["make"])
    client = module.make(sys.argv[2])
    imported = time.process_time() - started
    figures: dict[str, float | str] = {"import": imported}

    import asyncio
    import gc
    import json
    import resource
    from pathlib import Path

    def resident() -> int:
        """Return the resident set in bytes."""
        statm = Path("/proc/self/statm")
        if statm.exists():
            return int(statm.read_text().split()[1]) * resource.getpagesize()
        # The peak, which equals the current size this early; in bytes on macOS.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    async def call() -> None:
        """Make the first call, and another one."""
        begun = time.process_time()
        await client.get_vehicle("vhcl01HRFF3SEV0000000000000000")
        figures["first_call"] = time.process_time() - begun
        figures["resident"] = resident()
        await client.close()

    if "--preload" in sys.argv:
        begun = time.process_time()
        __import__("ev_energy_async").preload()
        figures["preload"] = time.process_time() - begun
        gc.collect()
    if hasattr(client, "get_vehicle"):
        try:
            asyncio.run(call())
        except Exception as error:  # noqa: BLE001  # any error of a contender is part of the result
            figures["failed"] = f"{type(error).__name__}: {error}"[:200]
    print(json.dumps(figures))
