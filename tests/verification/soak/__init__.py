"""Many questions from many threads, a quarter of them in trouble: ``make soak``.

The tests meet each fault by itself. Here they meet all at once, on clients that many threads share, whose
pools hold connections that were just broken and whose tokens expire under way.

============  =====================================================================
``cases``     the question with each number, and the rows that answer it
``kinds``     THE table: what goes wrong, and how a call that meets it may end
``tricks``    what a sandbox cannot do to a reply, byte by byte
``far_end``   the process with the sandbox, and a relay before it that plays tricks
``asking``    one case asked, and what became of it
``judge``     whether that is right, by what the other end saw
``leaks``     threads, open files and memory that stay behind
``report``    the printed table
============  =====================================================================

It fails where

- a question was accepted more than once, or arrived more than once without being turned away (401, 429);
- a call ends in a way that its kind does not allow: a wrong value or type, another error, an error without
  the id that had arrived, an exception or a warning that is not ours;
- a call with a slow fault ends before its deadline, or more than 0.25 s after it;
- a thread or an open file is left at the end, or more than 4 MiB over the last 10,000 questions;
- 20,000 questions take longer than six minutes.
"""
