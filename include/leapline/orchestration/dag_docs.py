"""What a person reads in Airflow's web UI about the DAG and its tasks: what each does, what a failure means."""

DAG_DOC = """\
### Retrain the buy-or-defer model

Every night: the day's events in, a measured scoring image in the registry out, or one sentence that says why not.

* **Refused** is a normal ending: the run is green, `gate` (or `probe`) says why in its log and in its XCom `verdict`,
  the tasks after it are skipped, and the champion serves on.
* **Failed** means that something is broken. The last line of the red task's log says what was found, what was
  expected and what to do; fix it, then *Clear* that task.
* Every task can be run again: a repeated day replaces its data, it never adds.

**Trigger** works on the day before, or on the *Data day* of the form. **Backfill** (in the same dialog) rebuilds any
range of days, several at once; each day's model gets its own tag and the result "would have been published" or "would
have been refused". A backfill leaves `champion` where it is, unless its param *Promote backfills* says otherwise.
`history/` in the lake has all judged days side by side.
"""

ROLLBACK_DOC = """\
### Back to an earlier model

**Trigger** makes the champion before this one the champion again, or the model that the form names. Only the registry's
tag moves, nothing is rebuilt; the move is in the ledger with the name of whoever triggered it.
"""

PROMOTE_DOC = """\
### Promote a published model

**Trigger** makes the model that the form names the champion: one that a run published without promoting it, or the
newer one again after a rollback. A person decides here, so the data day may be older than the champion's. Only the
registry's tag moves; the move is in the ledger with the name of whoever triggered it.
"""

LATE_DOC = """\
### Late truth

Events that arrive days late can turn a session that did not buy into one that did. **Trigger** lists the judged days
whose labels have changed until now, with what the gate would have said; with *Judge again* it also runs `retrain` for
each of them, without promoting.
"""

TASK_DOCS = {
    "resolve": """\
Settles the data day (the form's date, else the day of the data interval, else the day before the run) and checks the
form's values. Fails on a param that is unknown or out of range.""",
    "wait_for_tail": """\
Sessions that began before midnight end after it. A nightly run waits `LEAPLINE_LOOKAHEAD_HOURS` for them without
holding a worker; manual runs and past days go on at once.""",
    "extract": """\
Reads the day's Snowplow events, drops duplicates, puts pseudonyms in the place of session and visitor ids and sets
broken lines aside in the quarantine. Fails when there is no event, or when too much had to be set aside.""",
    "check_events": """\
Great Expectations over the day's events: schema, volume against the days before, nulls, ranges, time order, no personal
data. A broken expectation **fails** the night; the log names it, the Data Docs show it.""",
    "featurize": """\
Computes each session's features from `features.json`, up to its first checkout or purchase, and its label: does it buy
later on.""",
    "train": """\
Fits the Spark ML pipeline on the days before the data day. Not tried again: the same data would end the same way.""",
    "evaluate": """\
Scores the data day, which the model has not seen: ROC AUC and average precision with intervals, log loss, slices,
plots. The champion is pulled from the registry and scored by its own image on the very same sessions.""",
    "gate": """\
The verdict, rule by rule: good enough, not worse than the champion, enough data, no degenerate model, no broken slice.
A missing number is a broken rule, and so is a champion that cannot be asked. **A refused model is a normal ending**:
the tasks after this one are skipped, and this task's log says why.""",
    "package": """\
Puts model and scorer into one image on disk. Nothing is published yet.""",
    "probe": """\
Starts the very image and sends holdout sessions through it: every answer must equal Spark's, and come soon. A
difference or a crash refuses the model; the tasks after this one are then skipped. Its verdict is the last word.""",
    "publish": """\
Pushes the image under its model id and compares what the registry holds. Tried again, with growing pauses, while the
registry is down. Its event on the asset `scoring-image` carries digest and metrics.""",
    "promote": """\
Moves the tag `champion` to the new image if it still names the champion that the verdict was given against. It stays
if the run was asked not to promote, is a backfill, or judged an older data day than the champion's.""",
    "late": """\
Reads again what has landed for the judged days that late events can still reach, and judges the same scores by the
labels of now. Models, verdicts and tags stay as they are.""",
    "changed_days": """\
Says in its log, a line a day, what has changed and what the gate would have said.""",
    "judge_again": """\
Runs `retrain` for each changed day, if the form asked for it; else there is nothing to run, and it is skipped.""",
    "roll_back": """\
Moves the tag `champion` back. Fails if the registry has no such model; the tag then stays where it was.""",
    "promote_model": """\
Moves the tag `champion` to the named model. Fails if the registry has no such model; the tag then stays where it
was.""",
}
