"""Pretend providers in a process of their own, so that what they take counts for nobody else."""

import json
import sys
from datetime import timedelta

import uvicorn

from mcp_browserjobs.pretend import listen
from mcp_browserjobs.simulator import application
from mcp_browserjobs.simulator.world import World
from scripts.benches.stage import run_of


def main() -> None:
    """Start the jobs that standard input names, say where they run, and serve them until the end."""
    wanted = json.loads(sys.stdin.readline())
    world, script = World(), run_of(wanted["seconds"])
    ids = []
    for provider, ago in wanted["jobs"]:
        job = world.add(provider, script)
        job.created_at -= timedelta(seconds=ago)
        ids.append(job.id)
    listening = listen(0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    sys.stdout.write(json.dumps({"url": url, "jobs": ids}) + "\n")
    sys.stdout.flush()
    config = uvicorn.Config(application(world), log_level="critical", lifespan="off", access_log=False)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
