"""Many questions from many threads, a fault in a quarter of them: ``make verify WHAT=soak``.

The fault tests meet each fault by itself. Here all of them occur at once, on clients that many threads share,
whose pools hold connections that were just broken and whose tokens expire meanwhile.

==================  =====================================================================
``cases``           the question with each number, and the rows that answer it
``scenarios``       the table: what goes wrong, and how a call that meets it may end
``server_process``  the process with the sandbox, and a relay that sends mutated replies
``asker``           one case asked, and its outcome
``checks``          whether that is right, by what the sandbox received
``resources``       threads, open files and memory that the process holds
``report``          the printed table
``openings``        500 batch folders, clients and histories in one process, with 256 descriptors
==================  =====================================================================

It fails where

- a question was accepted more than once, or arrived more than once without being rejected (401, 429);
- a call ends in a way that its scenario does not allow: a wrong value or type, another error, an error
  without the id that had arrived, an exception or a warning that is not ours;
- a call with a slow fault ends before its deadline, or more than 0.25 s after it;
- a thread or an open file is left at the end, or more than 4 MiB over the last 10,000 questions;
- 20,000 questions take longer than six minutes.
"""
