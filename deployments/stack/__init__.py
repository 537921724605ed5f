"""The local stack: a Prefect server, workers, a help desk and this process's way to them, all state in one home.

`api` for a command that runs a flow itself, `local_stack` for one that leaves runs to a worker, `up` to keep all of it
running. Importing this package does not import Prefect, whose settings and logging are read when it is.
"""

from deployments.stack.connection import api, running
from deployments.stack.desk import Desk
from deployments.stack.local import LocalStack, local_stack
from deployments.stack.record import Record
from deployments.stack.server import Server
from deployments.stack.up import up
from deployments.stack.worker import ReviewWorker, Worker

__all__ = ["Desk", "LocalStack", "Record", "ReviewWorker", "Server", "Worker", "api", "local_stack", "running", "up"]
