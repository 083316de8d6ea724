"""Which waits clients left running, and how they ended."""

from dataclasses import replace
from datetime import datetime

from pydantic import JsonValue

from .file import File
from .records import Task, TaskAnswer, to_json, to_task


class Tasks(File):
    """Remembers tasks until they expire."""

    async def make_task(self, task: Task) -> None:
        """Write down a new task, and forget those that have expired by then."""

        def change() -> None:
            made_at = task.made_at.timestamp()
            self._db.execute("DELETE FROM tasks WHERE expires_at <= ?", (made_at,))
            values = (task.id, task.owner, to_json(task.wanted), made_at, made_at, task.expires_at.timestamp())
            self._db.execute("INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, NULL)", values)

        await self._write(change)

    async def load_task(self, task_id: str, *, now: datetime) -> Task | None:
        """A task that has not expired."""
        task = await self._try(lambda: self._load_task(task_id))
        return task if task and now < task.expires_at else None

    def _load_task(self, task_id: str) -> Task | None:
        row = self._db.execute("SELECT * FROM tasks WHERE id = ?", (task_id,)).fetchone()
        query = "SELECT question, times, quiet_until FROM task_answers WHERE task = ?"
        return to_task(row, self._db.execute(query, (task_id,)).fetchall()) if row else None

    async def note_answer(self, task_id: str, question: str, answer: TaskAnswer, *, now: datetime) -> bool:
        """Write down that a question of a task was answered; False when as many answers are known already."""

        def change() -> bool:
            query = (
                "INSERT INTO task_answers VALUES (?, ?, ?, ?) ON CONFLICT (task, question)"
                " DO UPDATE SET times = excluded.times, quiet_until = excluded.quiet_until"
                " WHERE times < excluded.times"
            )
            values = (task_id, question, answer.times, answer.quiet_until.timestamp())
            noted = self._db.execute(query, values).rowcount > 0
            if noted:
                self._db.execute("UPDATE tasks SET changed_at = ? WHERE id = ?", (now.timestamp(), task_id))
            return noted

        return await self._write(change)

    async def end_task(self, task: Task, outcome: JsonValue, *, now: datetime) -> Task:
        """Write down how a task ended, unless it has ended before, and give the task as it is then."""

        def change() -> Task:
            query = "UPDATE tasks SET outcome = ?, changed_at = ? WHERE id = ? AND outcome IS NULL"
            self._db.execute(query, (to_json(outcome), now.timestamp(), task.id))
            return self._load_task(task.id) or replace(task, outcome=outcome, changed_at=now)

        return await self._write(change)
