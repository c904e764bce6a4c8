"""Postgres, for the services that own a schema: connections, migrations, errors by SQLSTATE.

A service owns one schema and one group role (`stretto_<service>`, no login). Whoever the service
logs
in as, its connections `set role` to the group role, so that least privilege holds with an owner's
login too (as in `stretto dev`). Migrations are numbered `.sql` files, applied in order, once.
"""

from stretto.postgres.errors import translate
from stretto.postgres.migrations import migrate
from stretto.postgres.pool import Database

__all__ = ["Database", "migrate", "translate"]
