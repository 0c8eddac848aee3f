"""A sweep as a study in a database of Optuna's, as optuna-dashboard opens it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import optuna
import sqlalchemy as sa
from optuna.exceptions import DuplicatedStudyError, OptunaError
from optuna.storages import RDBStorage

from evaluators.errors import QuintainError
from quintain.exports.evidence import Exported
from quintain.exports.places import replaced
from quintain.exports.study import quiet, study_of

#: A table that every database of Optuna's has, and ours has not.
_OPTUNAS = "studies"


def into(found: Exported, out: str, *, force: bool = False) -> str:
    """Put the study into ``out``, the path of an SQLite file or a database's URL; its URL.

    A file of Optuna's that is there keeps its other studies.

    Args:
        found: the sweep.
        out: where.
        force: whether a study of the sweep's id that is there is replaced.

    Raises:
        QuintainError: the study is there already, or the database is another program's.
    """
    if "://" not in out:
        return _file(found, Path(out).expanduser().absolute(), force)
    url = sa.make_url(out)
    if url.get_backend_name() == "sqlite" and url.database:
        return _file(found, Path(url.database).absolute(), force)
    _add(found, out, force)
    return url.render_as_string(hide_password=True)


def _file(found: Exported, path: Path, force: bool) -> str:
    url = f"sqlite:///{path}"
    if path.exists() and path.stat().st_size:
        _must_be_optunas(path)
        _add(found, url, force)
    else:
        with replaced(path, force=True) as aside:
            _add(found, f"sqlite:///{aside}", force, aside=True)
    return url


def _must_be_optunas(path: Path) -> None:
    """Optuna would make its tables in any database."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as raw:
            tables = {row[0] for row in raw.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error as error:
        raise QuintainError(f"--out {path} is no database of Optuna's: {error}") from error
    if _OPTUNAS not in tables:
        raise QuintainError(
            f"--out {path} is another program's database: name a new file, or one of Optuna's"
        )


def _add(found: Exported, url: str, force: bool, aside: bool = False) -> None:
    """``aside``: the file is not in its place yet, so nothing waits for the disk."""
    name = found.view.id
    try:
        with quiet():
            storage = RDBStorage(url, heartbeat_interval=None)
        if aside:
            sa.event.listen(storage.engine, "connect", _hastily)
            storage.engine.dispose()  # the connection it has is not of that kind
        try:
            if force and name in optuna.get_all_study_names(storage):
                optuna.delete_study(study_name=name, storage=storage)
            _whole(found, storage)
        finally:
            storage.remove_session()
            storage.engine.dispose()
    except DuplicatedStudyError:
        raise QuintainError(
            f"the study {name} is there already: --force replaces it, --out names another place"
        ) from None
    except (OptunaError, sa.exc.SQLAlchemyError, ImportError) as error:
        first = str(error).strip().splitlines()[0]
        raise QuintainError(f"the study cannot be put there: {first}") from error


def _whole(found: Exported, storage: RDBStorage) -> None:
    """The study with all its trials, or none of it."""
    try:
        study_of(found, storage=storage)
    except DuplicatedStudyError:
        raise
    except BaseException:
        if found.view.id in optuna.get_all_study_names(storage):
            optuna.delete_study(study_name=found.view.id, storage=storage)
        raise


def _hastily(raw: sqlite3.Connection, _record: object) -> None:
    raw.execute("PRAGMA synchronous = OFF")
