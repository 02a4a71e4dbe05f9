"""A campaign of hostile tries: ``python -m tests.campaign``.

After the example of SQLite's anomaly tests (https://sqlite.org/testing.html): processes are killed at every moment,
files damaged at every place, writes fail one after the other, options and texts take every wrong value. One oracle
(``oracle.py``) judges them all. Each family of tries is a function in ``kill``, ``damage``, ``options``, ``texts`` or
``places``, entered by the decorator of ``registry.py``; ``scene.py`` is what a try is written with, ``bench.py`` what
all of them start from. A try runs in a process forked from one that has imported everything, so it costs milliseconds.
"""
