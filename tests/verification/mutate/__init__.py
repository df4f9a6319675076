"""Mutation testing: do the fast tests notice when the package is changed? ``make verify WHAT=mutate``.

A mutant is the package with one change in one expression or statement. Mutants are drawn for each room, and
each runs, in a forked process, the fast tests that execute the changed line. It is killed when a test fails.

=============  ==============================================================
``mutants``    the changes that can be made to a file
``recording``  which tests execute which lines, by coverage.py
``trial``      runs tests in a forked process, with or without a mutant
``children``   gives it to each Python that a test starts, too
``run``        draws the mutants, and prints the scores and the survivors
=============  ==============================================================

mutmut and cosmic-ray do not serve. mutmut 3 leaves out decorated functions and all that is outside of
functions, copies the checkout into itself, and draws no samples. cosmic-ray writes each mutant into the
checkout, and starts a process that runs all tests.
"""
