"""The documentation of the DAGs and their tasks in Airflow's web UI: what each does, and what a failure means."""

DAG_DOC = """\
### Retrain the buy-or-defer model

Turns one day of Snowplow events into a measured scoring image in the registry, or into one sentence that explains why
nothing was published.

* **Refused** is a normal outcome: the run is green, the tasks after `gate` (or `probe`) are skipped, and the current
  champion keeps serving. The reason is in that task's log and in its XCom `verdict`.
* **Failed** means that something is broken. The last line of the failed task's log states what was found, what was
  expected and what to do. Fix it, then *Clear* that task.
* Every task can be run again: a repeated run replaces the day's data and never appends to it.

**Trigger** processes one day (UTC), by the same rule from the web UI, the API and the command line: the *Data day* of
the form; else the day of the logical date D, which is D itself and not the day before; else yesterday. A data interval
given through the API takes precedence over the logical date, unless it is the day that ends on the logical date. A day
that has not ended yet is replaced by the last one that has. **Backfill** (in the same dialog) rebuilds a
range of days, several in parallel; each day's model gets its own tag and the result "would have been published" or
"would have been refused". A backfill does not move the tag `champion` unless its param *Promote backfills* is on.
`history/` in the lake compares all evaluated days.
"""

ROLLBACK_DOC = """\
### Roll back to an earlier model

**Trigger** moves the tag `champion` back to the previous champion, or to the model named in the form. Only the registry
tag moves; nothing is rebuilt. The ledger records the change with the name of the user who triggered it. Then the
targets of `LEAPLINE_DEPLOY` are brought back to that model.
"""

PROMOTE_DOC = """\
### Promote a published model

**Trigger** makes the model named in the form the champion: a model that a run published without promoting it, or the
newer model after a rollback. This is a manual decision, so the data day may be older than the champion's. Only the
registry tag moves. The ledger records the change with the name of the user who triggered it. Then the targets of
`LEAPLINE_DEPLOY` get that model.
"""

LATE_DOC = """\
### Delayed labels

Events that arrive days late can turn a session without a purchase into one with a purchase. **Trigger** lists the
evaluated days whose labels have changed since, and the verdict that the gate would return today. With *Evaluate again*
the DAG also starts `retrain` for each of these days, without promoting.
"""

DRILL_DOC = """\
### Drill

**Trigger** generates a small shop, trains and promotes a model of it on a scratch lake and registry, then breaks each
stage of a run in turn: a damaged file, a killed process, a registry that is down, a forged verdict, and others. Every
fault must be noticed, and nothing may be published or promoted. Lake, registry, ledger and keys of this installation
are not touched. The task's log has one line per fault; the task fails if a fault was not stopped.
"""

ERASURE_DOC = """\
### Erasure of visitors

Erases the visitors whose ids are in files in the lake's folder `erasure-requests/`, one id per line, and removes these
files. Put them there with the tools of your store: ids in a trigger form would stay in Airflow's database. **Trigger**
writes the lake's days again without the visitors, checks that none of their rows is left, excludes them from later
runs, and leaves a receipt in `erasures/`, which also lists the models to be replaced.
"""

RETENTION_DOC = """\
### Retention

Deletes the events, orders, examples and scores of single visitors from days that are older than
`LEAPLINE_RETENTION_DAYS`, every day once the DAG is switched on. Metrics, verdicts, model cards and models stay.

Nothing is deleted if the newest day is old, because the machine's clock may be wrong: if it is right, trigger the DAG
with 0 in *Maximum age of the newest day*.
"""

TASK_DOCS = {
    "resolve": """\
Determines the data day (the form's date, else the day of the data interval or of the logical date, else the day before
the run) and validates the params. Fails on an unknown param or a value out of range. From now on the day is this run's:
tasks of an earlier run of the same day are skipped from their next step on.""",
    "wait_for_tail": """\
Sessions that start before midnight can end after it. A nightly run waits `LEAPLINE_LOOKAHEAD_HOURS` for their last
events, deferred, without occupying a worker. Manual runs and past days continue at once.""",
    "extract": """\
Reads the day's Snowplow events, removes duplicates and orders that an earlier day has counted, replaces ids by
pseudonyms and moves malformed lines to the quarantine. Fails if there are no events, or if too many lines were
quarantined.""",
    "check_events": """\
Checks the day's events with Great Expectations: schema, volume compared with previous days, nulls, ranges, time order,
personal data. A failed expectation **fails** the run; the log names it and the Data Docs show it.""",
    "featurize": """\
Computes the features of each session from `features.json`, up to its first checkout or purchase, and its label: whether
the session ends in a purchase.""",
    "train": """\
Fits the Spark ML pipeline on the days before the data day. Retried only if cluster, storage or worker failed: otherwise
the result would be the same.""",
    "evaluate": """\
Scores the data day, which was not used in training: ROC AUC and average precision with confidence intervals, log loss,
slices, plots. The champion and the best champion of the last weeks are pulled from the registry and scored on the same
sessions.""",
    "gate": """\
Decides the verdict, rule by rule: quality with confidence, comparison with the champion and the best recent one, enough
independent buyers, no degenerate model, no weak slice. A missing metric fails its rule, and so does a champion that
cannot be scored. **A refused model is a normal outcome**: the tasks after this one are skipped, and this task's
log explains why.""",
    "package": """\
Builds one image from model and scorer, on disk, and those in Docker's format that the settings name. Nothing is
published yet.""",
    "probe": """\
Starts this image and sends holdout sessions to it: every answer must equal Spark's, within the latency limit. A
difference or a crash refuses the model, and the tasks after this one are skipped. The probe's verdict is final.""",
    "publish": """\
Pushes the images under their tags and compares them with what the registry returns. Retried with increasing delays
while the registry is down. Its event on the asset `scoring-image` carries digest and metrics.""",
    "promote": """\
Moves the tag `champion` to the new image if the tag still names the champion that the verdict compared with. The tag
stays where it is if the run was asked not to promote, is a backfill, or has an older data day than the champion. Fails
while registry and ledger contradict each other (docs/ledger.md).""",
    "deploy": """\
Makes every target of `LEAPLINE_DEPLOY` run the champion by digest and waits until it does. Skipped if this run has
promoted nothing or no target is set. Fails with one line per target that does not run the champion: which image it runs
and what to do. The promotion stays; a retry deploys to the targets that are left.""",
    "deploy_champion": """\
Makes every target of `LEAPLINE_DEPLOY` run the champion, as in `retrain`. Skipped if no target is set.""",
    "late": """\
Reads the events that have arrived since for the evaluated days within the lateness limit, and evaluates the stored
scores against the current labels. Models, verdicts and tags do not change.""",
    "retain": """\
Deletes what is about single visitors from days older than `LEAPLINE_RETENTION_DAYS`, and fails if something of it can
still be read. Does nothing if the setting is 0.""",
    "erase": """\
Erases the visitors of all waiting requests from every day of the lake, and writes the receipt. Runs that are between
two steps end with an error, because their inputs have changed, and can be started again.""",
    "changed_days": """\
Logs one line per day: how its labels changed, and the verdict that the gate would return today.""",
    "judge_again": """\
Starts `retrain` for each changed day if the form asks for it; otherwise this task is skipped.""",
    "drill": """\
Breaks each stage of a run on a scratch installation, in a process of its own with a Spark driver. Fails if a fault was
not stopped; the log has one line per fault.""",
    "roll_back": """\
Moves the tag `champion` back. Fails if the registry has no such model, or if the user who triggered the run is none of
`LEAPLINE_APPROVERS`; the tag then stays where it was. With `LEAPLINE_SECOND_APPROVER` it first waits in *Required
actions*, without occupying a worker, until a second approver confirms.""",
    "promote_model": """\
Moves the tag `champion` to the named model, under the same conditions as `roll_back` in the DAG `rollback`.""",
}
