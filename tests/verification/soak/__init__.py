"""Many questions from many threads, a fault in a quarter of them: ``make verify WHAT=soak``.

The fault tests meet each fault by itself. Here all of them occur at once, on clients that many threads share,
whose pools hold connections that were just broken and whose tokens expire meanwhile.

It fails where

- a question was accepted more than once, or arrived more than once without being rejected (401, 429);
- a call ends in a way that its scenario does not allow: a wrong value or type, another error, an error
  without the id that had arrived, an exception or a warning that is not ours;
- a call with a slow fault ends before its deadline, or more than 0.25 s after it;
- a thread or an open file is left at the end, or more than 4 MiB over the last 10,000 questions;
- 20,000 questions take longer than six minutes.
"""
