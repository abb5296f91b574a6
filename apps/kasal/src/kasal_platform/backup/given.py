"""The databases that an operator's command backs up or restores."""

from common.settings import MongoSettings, load
from kasal_platform.backup.sites import MongoSite, Site
from kasal_platform.databases import DatabaseChoice


def given_site() -> Site:
    """Return the databases of KASAL_MONGO_URL; without it, those of `run` in KASAL_DATA_DIR."""
    choice = load(DatabaseChoice)
    if choice.mongo_url:
        return MongoSite(load(MongoSettings))
    from kasal_platform.backup.files_site import FilesSite

    return FilesSite(choice.data_dir)
