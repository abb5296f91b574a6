"""The schema of the executor's database; see docs/reference/schema.md before you change it."""

from common.contracts.events import ExecutionStatus
from common.storage import blobs
from common.storage.migrations import MigrationStep, Schema
from common.storage.mongo import ensure_index
from common.storage.ports import Database
from executor.domain.log.questions import question_of
from executor.store import budgets, documents, files, questions, receipts
from executor.store.executions import MongoExecutions


async def indexes(database: Database) -> None:
    """Make the missing indexes. Each one slows down every write of every job, so there are few."""
    executions = database["executions"]
    await ensure_index(
        executions,
        [("open", 1), ("owner", 1), ("status", 1), ("workspace_id", 1), ("created_at", 1)],
        name="care_by_workspace",
        partialFilterExpression={"open": True},
    )
    order = [("status", 1), ("created_at", 1), ("_id", 1)]
    await ensure_index(
        executions, [("workspace_id", 1), ("open", 1), *order], name="list_of_workspace"
    )
    await ensure_index(
        executions,
        [("workspace_id", 1), ("open", 1), ("crew_id", 1), *order],
        name="ended_of_crew",
        partialFilterExpression={"open": None},  # closed jobs have no such field
    )
    await ensure_index(database["traces"], [("job_id", 1), ("seq", 1)], name="log", unique=True)
    await ensure_index(database["counters"], [("workspace_id", 1)], name="workspace")
    await receipts.indexes(database)
    await questions.indexes(database)
    await files.indexes(database)
    await blobs.indexes(database)
    await budgets.indexes(database)


async def _one_index_for_lists(database: Database) -> None:
    """Drop the two indexes that `workspace` replaced."""
    await _without(database, "open", "lists")


async def _an_index_for_each_list(database: Database) -> None:
    """Drop the index with which a list read all jobs to find a few."""
    await _without(database, "workspace", "care")


async def _no_index_of_marks(database: Database) -> None:
    """Drop the index that marks had: a sample of jobs, by which lists on SecantusDB were read in windows."""
    await _without(database, "marks")


async def _no_marks(database: Database) -> None:
    """Drop the collection that marks had after that. On a MongoDB no release has read it."""
    await database["marks"].drop()


async def _rows_of_questions(database: Database) -> None:
    """Add the rows of questions that were open before there was an inbox."""
    executions = MongoExecutions(database)
    waiting = {"open": True, "owner": None, "status": ExecutionStatus.WAITING_FOR_INPUT.value}
    async for row in database["executions"].find(waiting, documents.HEAD):
        job = documents.execution(row)
        asked = []
        for place in job.open_questions:
            (record,) = await executions.records(job.job_id, place.asked - 1, 1)
            asked.append((place.asked, question_of(record.entry())))
        if asked:
            rows = questions.upserts(questions.rows_of(job, asked))
            await database["questions"].bulk_write(rows, ordered=False)


async def _budgets_in_order(database: Database) -> None:
    """Drop the index by which budgets had no order, and one of the archive of use, which is found by its ids."""
    await _without(database, "leased", collection="budgets")
    await _without(database, "months", collection="usage")


async def _without(database: Database, *names: str, collection: str = "executions") -> None:
    await indexes(database)  # first, so that lists are never without an index
    held = database[collection]
    for name in set(names) & (await held.index_information()).keys():
        await held.drop_index(name)


SCHEMA = Schema(
    "executor",
    indexes,
    (
        MigrationStep("the first indexes"),
        MigrationStep("indexes of idempotency receipts"),
        MigrationStep("one index for all lists of a workspace", _one_index_for_lists),
        MigrationStep("receipts in a collection of their own", receipts.move_receipts),
        MigrationStep(
            "indexes for each list of executions, and for turns of workspaces",
            _an_index_for_each_list,
        ),
        MigrationStep("marks of executions in a collection of their own", _no_index_of_marks),
        MigrationStep("open questions in a collection of their own", _rows_of_questions),
        MigrationStep("no marks of executions any more", _no_marks),
        MigrationStep("files of workspaces"),
        MigrationStep("the index of budgets with leases"),
        MigrationStep("the index of usage by month"),
        MigrationStep("budgets with leases in order, and no index of usage", _budgets_in_order),
    ),
)
