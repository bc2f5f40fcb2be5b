"""The command `serve`: kopf in this process, for one namespace, until SIGTERM.

Called by the command line; imports kopf and the Kubernetes client only when asked to serve.
"""

import importlib
import logging
import os
import socket

import kopf

from tradinglab.config import load_settings
from tradinglab.logs import configure
from tradinglab_operator.kube.jobs import load_template
from tradinglab_operator.settings import OperatorSettings


def serve() -> int:
    """Raises ConfigurationError before anything is started."""
    settings = load_settings(OperatorSettings, os.environ)
    load_template(settings.job_template)
    configure(settings.log_format, settings.log_level)
    for noisy in ("kopf", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # kopf derives its identity from the user's name, which a container need not have.
    os.environ.setdefault("POD_ID", socket.gethostname())
    importlib.import_module("tradinglab_operator.handlers")
    kopf.run(
        standalone=True,
        namespace=settings.namespace,
        liveness_endpoint=f"http://{settings.listen}/healthz",
    )
    return 0
