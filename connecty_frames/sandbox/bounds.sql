-- A query finds these before the functions of DuckDB, whose memory_limit does not count what one call makes.
CREATE SCHEMA bounds;
CREATE MACRO bounds._checked(is_long, n) AS CASE
    WHEN is_long THEN error('A function may return at most 16777216 characters or elements.') ELSE n END;
CREATE MACRO bounds._length(n) AS memory.bounds._checked(n > 16777216, n);
CREATE MACRO bounds._step(a, b, c) AS memory.bounds._checked( -- TRY: an end beyond the type is not reached
    (a + c > a AND b > TRY(a + c * 16777216)) OR (a + c < a AND b < TRY(a + c * 16777216)), c);
CREATE MACRO bounds.repeat(x, n) AS system.main.repeat(x, memory.bounds._checked(n * length(CAST(x AS VARCHAR)) > 16777216, n));
CREATE MACRO bounds.lpad(x, n, y) AS system.main.lpad(x, memory.bounds._length(n), y);
CREATE MACRO bounds.rpad(x, n, y) AS system.main.rpad(x, memory.bounds._length(n), y);
CREATE MACRO bounds.list_resize(x, n) AS system.main.list_resize(x, memory.bounds._length(n)),
    (x, n, y) AS system.main.list_resize(x, memory.bounds._length(n), y);
CREATE MACRO bounds.array_resize(x, n) AS system.main.list_resize(x, memory.bounds._length(n)),
    (x, n, y) AS system.main.list_resize(x, memory.bounds._length(n), y);
CREATE MACRO bounds.range(b) AS system.main.range(0, b, memory.bounds._step(0, b, 1)), (a, b) AS system.main.range(a, b, memory.bounds._step(a, b, 1)),
    (a, b, c) AS system.main.range(a, b, memory.bounds._step(a, b, c));
CREATE MACRO bounds.generate_series(b) AS system.main.generate_series(0, b, memory.bounds._step(0, b, 1)),
    (a, b) AS system.main.generate_series(a, b, memory.bounds._step(a, b, 1)),
    (a, b, c) AS system.main.generate_series(a, b, memory.bounds._step(a, b, c));
