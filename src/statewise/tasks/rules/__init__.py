"""The rules that every task keeps, a file for each part of a task: what all of them share, ``data``, ``objective``,
``standards``. A rule is a function that raises ``TaskBroken`` where a task does not keep it.
"""
