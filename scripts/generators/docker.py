"""docker/: the HTTP server as an image, and how it is run."""

import re

from mcp_browserjobs import variables
from scripts.generators.project import PACKAGE, PROJECT

PORT = 8931
USER = 10001
IN_IMAGE = {"BROWSERJOBS_STORE", "BROWSERJOBS_CONFIG"}
"""What names files inside of the container, and so is no business of the machine around it."""


def files() -> dict[str, str]:
    """The content of each file by its name. The image is built from the project's root."""
    return {"Dockerfile": _dockerfile(), "Dockerfile.dockerignore": _ignored(), "compose.yaml": _compose()}


def _newest_python() -> str:
    return max(
        (found[1] for text in PROJECT["classifiers"] if (found := re.search(r":: (3\.\d+)$", text))),
        key=lambda version: int(version.partition(".")[2]),
    )


def _dockerfile() -> str:
    python = f"python:{_newest_python()}-slim"
    return f"""\
# docker build --file manifests/docker/Dockerfile --tag {PACKAGE} .
FROM {python} AS packages
COPY requirements.txt /
RUN python -m venv /packages \\
    && /packages/bin/pip install --no-cache-dir --require-hashes --requirement /requirements.txt \\
    && /packages/bin/pip uninstall --yes pip

FROM {python}
RUN install --directory --owner {USER} --group {USER} /store
COPY --from=packages /packages /packages
COPY mcp_browserjobs /app/mcp_browserjobs
WORKDIR /app
ENV PATH=/packages/bin:$PATH PYTHONDONTWRITEBYTECODE=1 BROWSERJOBS_STORE=/store/jobs.sqlite3
USER {USER}:{USER}
VOLUME /store
EXPOSE {PORT}
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["python", "-c", \\
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:{PORT}/healthz', timeout=4)"]
ENTRYPOINT ["python", "-m", "mcp_browserjobs"]
CMD ["serve", "--transport", "http", "--host", "0.0.0.0", "--port", "{PORT}"]
"""


def _ignored() -> str:
    """All but what the image is made of."""
    return """\
*
!requirements.txt
!mcp_browserjobs
**/__pycache__
"""


def _compose() -> str:
    names = [each.name for each in variables.every() if each.name not in IN_IMAGE | {"BROWSERJOBS_TOKEN"}]
    passed_on = "\n".join(f"      - {name}" for name in names)
    return f"""\
# BROWSERJOBS_TOKEN=... GOBII_API_KEY=... docker compose --file manifests/docker/compose.yaml up
# Other machines reach it through a proxy that has a certificate: BROWSERJOBS_PUBLIC_URL is its address.
services:
  {PACKAGE}:
    build:
      context: ../..
      dockerfile: manifests/docker/Dockerfile
    image: {PACKAGE}
    restart: unless-stopped
    init: true
    ports:
      - "127.0.0.1:{PORT}:{PORT}"
    environment:
      - BROWSERJOBS_TOKEN=${{BROWSERJOBS_TOKEN:?16 characters or more that nobody can guess}}
{passed_on}
    volumes:
      - store:/store
    read_only: true
    tmpfs:
      - /tmp
    cap_drop:
      - ALL
    security_opt:
      - no-new-privileges:true

volumes:
  store:
"""
