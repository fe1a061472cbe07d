"""Where the databases of a run or of a scenario are."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from app import assemble
from shared_kernel.adapters.settings import Settings
from tests.cluster import databases_in


class NewDatabases:
    """Made once for the whole run; each scenario takes a copy."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="storehouse-features-")
        path = Path(self._folder.name)
        assemble(Settings.from_environment(databases_in(path))).stop()

    def copy_to(self, folder: Path) -> None:
        shutil.copytree(self._folder.name, folder, dirs_exist_ok=True)

    def close(self) -> None:
        self._folder.cleanup()
