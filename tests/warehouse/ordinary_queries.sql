-- Queries as language models write them for business questions. A line "-- dialect: x" begins those of x, and a
-- semicolon at the end of a line ends each.

-- dialect: postgres
SELECT c.country, COUNT(*) AS order_count
FROM orders o
JOIN customers c ON c.id = o.customer_id
GROUP BY c.country
ORDER BY order_count DESC
LIMIT 5;
SELECT DATE_TRUNC('month', o.ordered_at) AS month, SUM(o.total) AS revenue
FROM orders AS o
WHERE o.ordered_at >= NOW() - INTERVAL '12 months'
GROUP BY 1
ORDER BY 1;
WITH monthly AS (
    SELECT DATE_TRUNC('month', ordered_at)::date AS month, SUM(total) AS revenue
    FROM public.orders
    WHERE status = 'completed'
    GROUP BY 1
)
SELECT month, revenue, LAG(revenue) OVER (ORDER BY month) AS previous,
       ROUND(100.0 * (revenue - LAG(revenue) OVER (ORDER BY month)) / NULLIF(LAG(revenue) OVER (ORDER BY month), 0), 2) AS growth_pct
FROM monthly
ORDER BY month;
SELECT p.category, p.name, SUM(oi.quantity * oi.unit_price) AS revenue,
       RANK() OVER (PARTITION BY p.category ORDER BY SUM(oi.quantity * oi.unit_price) DESC) AS rnk
FROM order_items oi
INNER JOIN products p ON p.id = oi.product_id
GROUP BY p.category, p.name;
SELECT c.id, c.name, MAX(o.ordered_at) AS last_order
FROM customers c
LEFT JOIN orders o ON o.customer_id = c.id
GROUP BY c.id, c.name
HAVING MAX(o.ordered_at) < CURRENT_DATE - INTERVAL '90 days' OR MAX(o.ordered_at) IS NULL;
-- How many customers ordered again within 30 days?
SELECT COUNT(DISTINCT a.customer_id) AS repeat_customers
FROM orders a
JOIN orders b ON b.customer_id = a.customer_id AND b.id <> a.id
    AND b.ordered_at BETWEEN a.ordered_at AND a.ordered_at + INTERVAL '30 days';
SELECT EXTRACT(YEAR FROM ordered_at)::int AS year, EXTRACT(QUARTER FROM ordered_at) AS quarter, AVG(total)::numeric(10,2) AS avg_total
FROM orders
GROUP BY 1, 2
ORDER BY 1, 2;
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY total) AS median_total, percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY total) AS quartiles
FROM orders;
SELECT to_char(ordered_at, 'YYYY-MM') AS month, COUNT(*) FILTER (WHERE status = 'returned') AS returned, COUNT(*) AS total
FROM orders
GROUP BY to_char(ordered_at, 'YYYY-MM');
SELECT d.day::date AS day, COALESCE(SUM(o.total), 0) AS revenue
FROM generate_series(date '2025-01-01', date '2025-01-31', interval '1 day') AS d(day)
LEFT JOIN orders o ON o.ordered_at::date = d.day::date
GROUP BY d.day
ORDER BY d.day;
SELECT DISTINCT ON (customer_id) customer_id, id, ordered_at, total
FROM orders
ORDER BY customer_id, ordered_at DESC;
WITH RECURSIVE chain AS (
    SELECT id, name, manager_id, 1 AS depth FROM employees WHERE manager_id IS NULL
    UNION ALL
    SELECT e.id, e.name, e.manager_id, c.depth + 1 FROM employees e JOIN chain c ON e.manager_id = c.id
)
SELECT * FROM chain ORDER BY depth, name;
SELECT CASE WHEN total < 50 THEN 'small' WHEN total < 200 THEN 'medium' ELSE 'large' END AS bucket, COUNT(*) AS n
FROM orders
GROUP BY CASE WHEN total < 50 THEN 'small' WHEN total < 200 THEN 'medium' ELSE 'large' END;
SELECT c.segment, SUM(o.total) AS revenue, SUM(o.total) / SUM(SUM(o.total)) OVER () AS share
FROM orders o JOIN customers c ON c.id = o.customer_id
GROUP BY c.segment;
SELECT payload ->> 'browser' AS browser, (payload ->> 'duration')::numeric AS duration
FROM events
WHERE payload @> '{"type": "checkout"}' AND payload ? 'browser';
SELECT e.id, tag
FROM customers e, unnest(e.tags) AS tag
WHERE tag ILIKE '%vip%';
SELECT string_agg(DISTINCT c.name, ', ' ORDER BY c.name) AS names, array_agg(c.id) AS ids
FROM customers c
WHERE c.country IN ('Germany', 'France', 'L''Aquila') AND c.email NOT LIKE '%@test.com';
SELECT o.id, x.item_count
FROM orders o
CROSS JOIN LATERAL (SELECT COUNT(*) AS item_count FROM order_items oi WHERE oi.order_id = o.id) AS x
WHERE EXISTS (SELECT 1 FROM customers c WHERE c.id = o.customer_id AND c.country = 'Poland');
SELECT date_part('dow', ordered_at) AS weekday, COUNT(*) FROM orders GROUP BY 1 ORDER BY 2 DESC;
SELECT SUM(total) OVER (PARTITION BY customer_id ORDER BY ordered_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS running, id FROM orders;
(SELECT 'customers' AS what, COUNT(*) AS n FROM customers) UNION ALL (SELECT 'orders', COUNT(*) FROM orders) ORDER BY n DESC;
SELECT status, COUNT(*) AS "Number of orders", SUM(total) AS "Łączna wartość" FROM orders GROUP BY GROUPING SETS ((status), ());
SELECT AGE(NOW(), MIN(created_at)) AS oldest, initcap(country) AS country, length(trim(both ' ' from name)) AS len FROM customers GROUP BY country, name;
SELECT corr(quantity, unit_price) AS correlation, stddev(unit_price) AS sd, width_bucket(avg(unit_price), 0, 100, 10) AS bucket FROM order_items;
SELECT name, position('@' in email) AS at_sign, substring(email from '@(.*)$') AS domain, split_part(email, '@', 2) AS domain2, overlay(name placing 'x' from 1 for 1) FROM customers WHERE email ~* '^[a-z]+@' LIMIT 10 OFFSET 5;
SELECT ordered_at AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin' AS local_time, jsonb_build_object('id', id, 'total', total) AS doc FROM orders FETCH FIRST 3 ROWS ONLY;

-- dialect: duckdb
SELECT country, count(*) AS n FROM customers GROUP BY ALL ORDER BY n DESC LIMIT 10;
FROM orders SELECT status, sum(total) AS revenue GROUP BY status;
SELECT date_trunc('month', ordered_at) AS month, sum(total) AS revenue FROM orders GROUP BY 1 ORDER BY 1;
SELECT strftime(ordered_at, '%Y-%m') AS month, count(DISTINCT customer_id) AS customers FROM orders GROUP BY 1;
SELECT * EXCLUDE (email) FROM customers WHERE created_at > current_date - INTERVAL 30 DAY;
SELECT customer_id, arg_max(total, ordered_at) AS last_total, max(ordered_at) AS last_at FROM orders GROUP BY customer_id;
SELECT category, name, revenue FROM (
    SELECT p.category, p.name, sum(oi.quantity * oi.unit_price) AS revenue
    FROM order_items oi JOIN products p ON p.id = oi.product_id GROUP BY p.category, p.name
) QUALIFY row_number() OVER (PARTITION BY category ORDER BY revenue DESC) <= 3;
SELECT quantile_cont(total, 0.5) AS median, quantile_cont(total, [0.25, 0.75]) AS quartiles, mode(status) AS most FROM orders;
WITH m AS (SELECT date_trunc('month', ordered_at) AS month, sum(total) AS revenue FROM orders GROUP BY 1)
SELECT month, revenue, revenue - lag(revenue) OVER (ORDER BY month) AS delta FROM m ORDER BY month;
SELECT datediff('day', min(ordered_at), max(ordered_at)) AS days, date_diff('month', min(ordered_at), max(ordered_at)) AS months FROM orders;
SELECT unnest(tags) AS tag, count(*) AS n FROM customers GROUP BY tag ORDER BY n DESC;
SELECT t.tag, count(*) FROM customers c, unnest(c.tags) AS t(tag) GROUP BY t.tag;
SELECT list_transform(tags, x -> upper(x)) AS upper_tags, len(tags) AS n, list_contains(tags, 'vip') AS vip FROM customers;
SELECT * FROM orders PIVOT (sum(total) FOR status IN ('completed', 'returned'));
SELECT * FROM (SELECT id, quantity, unit_price FROM order_items) UNPIVOT (value FOR name IN (quantity, unit_price));
SELECT d.day, coalesce(sum(o.total), 0) AS revenue
FROM (SELECT unnest(generate_series(DATE '2025-01-01', DATE '2025-01-31', INTERVAL 1 DAY)) AS day) d
LEFT JOIN orders o ON o.ordered_at::DATE = d.day GROUP BY d.day ORDER BY d.day;
SELECT payload->>'$.browser' AS browser, json_extract_string(payload, '$.type') AS type, count(*) FROM events GROUP BY 1, 2;
SELECT string_agg(name, ', ' ORDER BY name) AS names, approx_count_distinct(email) AS emails FROM customers;
SELECT year(ordered_at) AS y, quarter(ordered_at) AS q, dayname(ordered_at) AS d, round(avg(total), 2) AS avg_total FROM orders GROUP BY 1, 2, 3;
SELECT country, count(*) FILTER (WHERE segment = 'b2b') AS b2b, count_if(segment = 'b2c') AS b2c FROM customers GROUP BY country;
SELECT c.name, o.total FROM customers c LEFT JOIN orders o USING (id) WHERE c.name ILIKE 'a%' AND regexp_matches(c.email, '^[a-z]') ORDER BY o.total DESC NULLS LAST;
SELECT time_bucket(INTERVAL '7 days', ordered_at) AS week, sum(total) AS revenue FROM orders GROUP BY week ORDER BY week;
SELECT id, total, sum(total) OVER (ORDER BY ordered_at ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS rolling FROM orders;
SELECT TRY_CAST(name AS INTEGER) AS number, CASE WHEN segment = 'b2b' THEN 1 ELSE 0 END AS flag, struct_pack(a := id, b := name) AS s, {'k': id} AS d FROM customers;
SELECT make_date(2025, 1, 1) AS d, epoch(ordered_at) AS seconds, last_day(ordered_at::DATE) AS month_end, monthname(ordered_at) AS name FROM orders LIMIT 5;
SELECT 1 FROM orders o WHERE o.total > (SELECT avg(total) FROM orders) AND NOT EXISTS (SELECT 1 FROM events e WHERE e.id = o.id);

-- dialect: sqlite
SELECT country, COUNT(*) AS n FROM customers GROUP BY country ORDER BY n DESC LIMIT 5;
SELECT strftime('%Y-%m', ordered_at) AS month, SUM(total) AS revenue FROM orders GROUP BY month ORDER BY month;
SELECT date(ordered_at) AS day, COUNT(*) FROM orders WHERE ordered_at >= date('now', '-30 days') GROUP BY day;
SELECT c.name, IFNULL(SUM(o.total), 0) AS spent FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id HAVING spent > 100;
SELECT p.category, ROUND(AVG(oi.unit_price), 2) AS avg_price FROM order_items oi JOIN products p ON p.id = oi.product_id GROUP BY p.category;
SELECT julianday('now') - julianday(MAX(ordered_at)) AS days_since FROM orders;
WITH m AS (SELECT strftime('%Y-%m', ordered_at) AS month, SUM(total) AS revenue FROM orders GROUP BY 1)
SELECT month, revenue, revenue - LAG(revenue) OVER (ORDER BY month) AS change FROM m;
SELECT CAST(strftime('%Y', ordered_at) AS INTEGER) AS year, COUNT(*) AS n FROM orders GROUP BY year;
SELECT CASE strftime('%w', ordered_at) WHEN '0' THEN 'Sunday' WHEN '1' THEN 'Monday' ELSE 'Other' END AS weekday, COUNT(*) FROM orders GROUP BY 1;
SELECT GROUP_CONCAT(name, ', ') AS names, COUNT(DISTINCT country) FROM customers;
SELECT id, total, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY total DESC) AS rn FROM orders;
SELECT * FROM (SELECT o.*, RANK() OVER (PARTITION BY customer_id ORDER BY total DESC) AS r FROM orders o) WHERE r = 1;
SELECT json_extract(payload, '$.browser') AS browser, COUNT(*) FROM events GROUP BY browser;
SELECT e.id, j.value FROM events e, json_each(e.payload, '$.items') AS j;
SELECT name || ' (' || country || ')' AS label, LENGTH(name) AS len, UPPER(SUBSTR(name, 1, 1)) AS initial FROM customers WHERE name LIKE 'A%' COLLATE NOCASE;
SELECT status AS 'Order status', printf('%.2f', SUM(total)) AS "Total" FROM orders GROUP BY status;
SELECT COUNT(*) AS n FROM customers WHERE email IS NOT NULL AND email NOT LIKE '%@example.com';
SELECT iif(total > 100, 'large', 'small') AS size, COUNT(*) FROM orders GROUP BY size;
SELECT country FROM customers EXCEPT SELECT country FROM customers WHERE segment = 'b2b' ORDER BY country;
WITH RECURSIVE days(day) AS (SELECT date('2025-01-01') UNION ALL SELECT date(day, '+1 day') FROM days WHERE day < '2025-01-31')
SELECT days.day, COUNT(o.id) AS n FROM days LEFT JOIN orders o ON date(o.ordered_at) = days.day GROUP BY days.day;
SELECT MIN(total), MAX(total), AVG(total), TOTAL(total) FROM orders WHERE status IN ('completed', 'shipped');
SELECT SUM(CASE WHEN status = 'returned' THEN 1 ELSE 0 END) * 100.0 / COUNT(*) AS return_rate FROM orders;
SELECT datetime(ordered_at, 'unixepoch') AS at, COALESCE(NULLIF(status, ''), 'unknown') AS status FROM orders ORDER BY at DESC LIMIT 10 OFFSET 20;
SELECT c.country, SUM(o.total) FILTER (WHERE o.status = 'completed') AS completed FROM orders o INNER JOIN customers c ON o.customer_id = c.id GROUP BY c.country;
SELECT `name`, [country] FROM customers WHERE id IN (SELECT customer_id FROM orders WHERE total > 500);

-- dialect: snowflake
SELECT C.COUNTRY, COUNT(*) AS ORDER_COUNT FROM SHOP.PUBLIC.ORDERS O JOIN SHOP.PUBLIC.CUSTOMERS C ON C.ID = O.CUSTOMER_ID GROUP BY C.COUNTRY ORDER BY ORDER_COUNT DESC LIMIT 5;
SELECT DATE_TRUNC('MONTH', ORDERED_AT) AS MONTH, SUM(TOTAL) AS REVENUE FROM ORDERS WHERE ORDERED_AT >= DATEADD(MONTH, -12, CURRENT_DATE()) GROUP BY 1 ORDER BY 1;
SELECT CUSTOMER_ID, TOTAL FROM ORDERS QUALIFY ROW_NUMBER() OVER (PARTITION BY CUSTOMER_ID ORDER BY ORDERED_AT DESC) = 1;
SELECT DATEDIFF('day', MIN(ORDERED_AT), MAX(ORDERED_AT)) AS DAYS, MEDIAN(TOTAL) AS MEDIAN_TOTAL FROM ORDERS;
SELECT PAYLOAD:browser::STRING AS BROWSER, PAYLOAD:device.os::VARCHAR AS OS, COUNT(*) AS N FROM EVENTS GROUP BY 1, 2;
SELECT E.ID, F.VALUE:sku::STRING AS SKU, F.INDEX FROM EVENTS E, LATERAL FLATTEN(INPUT => E.PAYLOAD:items) F;
SELECT LISTAGG(DISTINCT NAME, ', ') WITHIN GROUP (ORDER BY NAME) AS NAMES FROM CUSTOMERS;
SELECT IFF(TOTAL > 100, 'large', 'small') AS SIZE, COUNT_IF(STATUS = 'returned') AS RETURNED, DIV0(SUM(TOTAL), COUNT(*)) AS AVG_TOTAL FROM ORDERS GROUP BY 1;
SELECT TO_CHAR(ORDERED_AT, 'YYYY-MM') AS MONTH, TO_DATE(ORDERED_AT) AS D, ZEROIFNULL(SUM(TOTAL)) AS S FROM ORDERS GROUP BY 1, 2;
SELECT * FROM (SELECT STATUS, TOTAL, MONTHNAME(ORDERED_AT) AS M FROM ORDERS) PIVOT (SUM(TOTAL) FOR M IN ('Jan', 'Feb')) AS P;
SELECT CONVERT_TIMEZONE('UTC', 'Europe/Warsaw', ORDERED_AT) AS LOCAL_AT, DAYNAME(ORDERED_AT) AS DAY FROM ORDERS;
WITH M AS (SELECT DATE_TRUNC(MONTH, ORDERED_AT) AS MONTH, SUM(TOTAL) AS REVENUE FROM ORDERS GROUP BY ALL)
SELECT MONTH, REVENUE, REVENUE / NULLIF(LAG(REVENUE) OVER (ORDER BY MONTH), 0) - 1 AS GROWTH FROM M;
SELECT APPROX_COUNT_DISTINCT(CUSTOMER_ID) AS CUSTOMERS, APPROX_PERCENTILE(TOTAL, 0.95) AS P95 FROM ORDERS;
SELECT NAME, EMAIL FROM CUSTOMERS WHERE NAME ILIKE ANY ('%gmbh%', '%ag%') AND REGEXP_LIKE(EMAIL, '.*@.*');
SELECT TRY_TO_NUMBER(NAME) AS N, TRY_CAST(EMAIL AS NUMBER(10, 2)) AS M, NVL(COUNTRY, 'unknown') AS COUNTRY FROM CUSTOMERS;
SELECT RATIO_TO_REPORT(SUM(TOTAL)) OVER () AS SHARE, STATUS FROM ORDERS GROUP BY STATUS;
SELECT DATEADD(DAY, SEQ4(), '2025-01-01'::DATE) AS DAY FROM TABLE(GENERATOR(ROWCOUNT => 365));
SELECT CUSTOMER_ID, SUM(TOTAL) OVER (PARTITION BY CUSTOMER_ID ORDER BY ORDERED_AT) AS RUNNING FROM ORDERS SAMPLE (10);
SELECT YEAR(ORDERED_AT) AS Y, WEEKOFYEAR(ORDERED_AT) AS W, LAST_DAY(ORDERED_AT) AS L, EXTRACT(HOUR FROM ORDERED_AT) AS H FROM ORDERS;
SELECT OBJECT_CONSTRUCT('id', ID, 'name', NAME) AS DOC, ARRAY_SIZE(TAGS) AS N, ARRAY_CONTAINS('vip'::VARIANT, TAGS) AS VIP FROM CUSTOMERS;
SELECT $$it's$$ AS T, 'L\'Oréal' AS BRAND, SPLIT_PART(EMAIL, '@', 2) AS DOMAIN FROM CUSTOMERS;
SELECT "Order ID", "Gross Amount" FROM "Sales Data"."Orders 2025" WHERE "Gross Amount" > 100;
SELECT STATUS, COUNT(*) FROM ORDERS AT (OFFSET => -3600) GROUP BY STATUS;
SELECT COALESCE(SUM(CASE WHEN STATUS = 'completed' THEN TOTAL END), 0) AS COMPLETED, HOUR(ORDERED_AT) AS H FROM ORDERS GROUP BY H HAVING COMPLETED > 0;
SELECT C.SEGMENT, AVG(O.TOTAL) AS AVG_TOTAL FROM ORDERS O LEFT OUTER JOIN CUSTOMERS C ON O.CUSTOMER_ID = C.ID WHERE O.ORDERED_AT::DATE BETWEEN '2025-01-01' AND '2025-03-31' GROUP BY C.SEGMENT;

-- dialect: databricks
SELECT country, COUNT(*) AS n FROM main.shop.customers GROUP BY country ORDER BY n DESC LIMIT 5;
SELECT date_trunc('MONTH', ordered_at) AS month, SUM(total) AS revenue FROM main.shop.orders WHERE ordered_at >= add_months(current_date(), -12) GROUP BY 1 ORDER BY 1;
SELECT date_format(ordered_at, 'yyyy-MM') AS month, COUNT(DISTINCT customer_id) AS customers FROM orders GROUP BY date_format(ordered_at, 'yyyy-MM');
SELECT customer_id, total FROM orders QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY ordered_at DESC) = 1;
SELECT datediff(max(ordered_at), min(ordered_at)) AS days, months_between(max(ordered_at), min(ordered_at)) AS months FROM orders;
SELECT id, item FROM orders LATERAL VIEW explode(items) t AS item;
SELECT payload:browser AS browser, payload:device.os::string AS os, count(*) AS n FROM events GROUP BY 1, 2;
SELECT get_json_object(payload, '$.browser') AS browser, from_json(payload, 'a INT') AS parsed FROM events;
SELECT collect_list(name) AS names, concat_ws(', ', collect_set(country)) AS countries FROM customers;
SELECT percentile_approx(total, 0.5) AS median, percentile(total, 0.9) AS p90, stddev(total) AS sd FROM orders;
SELECT * FROM (SELECT status, total, quarter(ordered_at) AS q FROM orders) PIVOT (SUM(total) FOR q IN (1, 2, 3, 4));
WITH m AS (SELECT trunc(ordered_at, 'MM') AS month, SUM(total) AS revenue FROM orders GROUP BY 1)
SELECT month, revenue, round((revenue - lag(revenue) OVER (ORDER BY month)) / lag(revenue) OVER (ORDER BY month) * 100, 2) AS growth FROM m;
SELECT transform(tags, t -> upper(t)) AS tags, size(tags) AS n, array_contains(tags, 'vip') AS vip, filter(tags, t -> t <> '') AS f FROM customers;
SELECT nvl(country, 'unknown') AS country, if(segment = 'b2b', 1, 0) AS b2b, ifnull(email, '') AS email FROM customers;
SELECT year(ordered_at) AS y, month(ordered_at) AS m, dayofweek(ordered_at) AS d, weekofyear(ordered_at) AS w, hour(ordered_at) AS h FROM orders;
SELECT count_if(status = 'returned') / count(*) AS rate, try_divide(sum(total), count(*)) AS avg_total, any_value(status) AS s FROM orders;
SELECT to_date(ordered_at) AS d, from_utc_timestamp(ordered_at, 'Europe/Warsaw') AS local_at, unix_timestamp(ordered_at) AS epoch FROM orders;
SELECT `order id`, `gross amount` FROM main.shop.`orders 2025` WHERE `gross amount` > 100;
SELECT explode(sequence(to_date('2025-01-01'), to_date('2025-01-31'), interval 1 day)) AS day;
SELECT regexp_extract(email, '@(.*)', 1) AS domain, split(email, '@')[1] AS domain2, initcap(name) AS name FROM customers WHERE email RLIKE '.*@.*' AND name = 'L\'Oréal';
SELECT c.country, sum(o.total) AS revenue, rank() OVER (ORDER BY sum(o.total) DESC) AS r FROM orders o INNER JOIN customers c ON o.customer_id = c.id GROUP BY c.country HAVING sum(o.total) > 1000;
SELECT named_struct('id', id, 'name', name) AS doc, map('a', 1) AS m, struct(id, name) AS s, array(1, 2) AS a FROM customers;
SELECT id, total, sum(total) OVER (PARTITION BY customer_id ORDER BY ordered_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS running FROM orders TABLESAMPLE (10 PERCENT);
SELECT * EXCEPT (email) FROM customers WHERE created_at > current_timestamp() - INTERVAL 30 DAYS AND id > 100L;
SELECT status, COUNT(*) FROM orders VERSION AS OF 3 GROUP BY status WITH ROLLUP;

-- dialect: bigquery
SELECT country, COUNT(*) AS n FROM `my-project.shop.customers` GROUP BY country ORDER BY n DESC LIMIT 5;
SELECT DATE_TRUNC(DATE(ordered_at), MONTH) AS month, SUM(total) AS revenue FROM `my-project.shop.orders` WHERE DATE(ordered_at) >= DATE_SUB(CURRENT_DATE(), INTERVAL 12 MONTH) GROUP BY month ORDER BY month;
SELECT FORMAT_DATE('%Y-%m', DATE(ordered_at)) AS month, COUNT(DISTINCT customer_id) AS customers FROM shop.orders GROUP BY 1;
SELECT EXTRACT(YEAR FROM ordered_at) AS y, EXTRACT(DAYOFWEEK FROM ordered_at) AS d, SAFE_DIVIDE(SUM(total), COUNT(*)) AS avg_total FROM my-project.shop.orders GROUP BY 1, 2;
SELECT customer_id, total FROM shop.orders WHERE TRUE QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY ordered_at DESC) = 1;
SELECT TIMESTAMP_DIFF(MAX(ordered_at), MIN(ordered_at), DAY) AS days, DATE_DIFF(CURRENT_DATE(), MIN(DATE(ordered_at)), MONTH) AS months FROM shop.orders;
SELECT APPROX_QUANTILES(total, 100)[OFFSET(50)] AS median, PERCENTILE_CONT(total, 0.5) OVER () AS exact_median FROM shop.orders;
SELECT c.id, tag FROM shop.customers AS c, UNNEST(c.tags) AS tag WITH OFFSET AS pos WHERE pos < 3;
SELECT JSON_VALUE(payload, '$.browser') AS browser, JSON_EXTRACT_SCALAR(payload, '$.os') AS os, COUNTIF(type = 'click') AS clicks FROM shop.events GROUP BY 1, 2;
SELECT STRING_AGG(DISTINCT name, ', ' ORDER BY name LIMIT 10) AS names, ARRAY_AGG(STRUCT(id, name) ORDER BY id) AS rows_ FROM shop.customers;
SELECT * EXCEPT (email), IF(segment = 'b2b', 1, 0) AS b2b FROM shop.customers;
SELECT * FROM (SELECT status, total, EXTRACT(QUARTER FROM ordered_at) AS q FROM shop.orders) PIVOT (SUM(total) FOR q IN (1, 2, 3, 4));
WITH m AS (SELECT DATE_TRUNC(DATE(ordered_at), MONTH) AS month, SUM(total) AS revenue FROM shop.orders GROUP BY 1)
SELECT month, revenue, ROUND(SAFE_DIVIDE(revenue - LAG(revenue) OVER (ORDER BY month), LAG(revenue) OVER (ORDER BY month)) * 100, 2) AS growth FROM m;
SELECT day, IFNULL(SUM(o.total), 0) AS revenue FROM UNNEST(GENERATE_DATE_ARRAY('2025-01-01', '2025-01-31', INTERVAL 1 DAY)) AS day LEFT JOIN shop.orders AS o ON DATE(o.ordered_at) = day GROUP BY day;
SELECT event_name, COUNT(*) AS n FROM `my-project.analytics_1.events_*` WHERE _TABLE_SUFFIX BETWEEN '20250101' AND '20250131' GROUP BY event_name;
SELECT (SELECT value.string_value FROM UNNEST(event_params) WHERE key = 'page') AS page, COUNT(*) FROM `my-project.analytics_1.events_20250101` GROUP BY page;
SELECT SAFE_CAST(name AS INT64) AS n, CAST(total AS NUMERIC) AS t, PARSE_DATE('%Y%m%d', '20250101') AS d, DATETIME(ordered_at, 'Europe/Warsaw') AS l FROM shop.orders;
SELECT REGEXP_EXTRACT(email, r'@(.+)$') AS domain, SPLIT(email, '@')[SAFE_OFFSET(1)] AS d2, REGEXP_CONTAINS(email, r'^[a-z]') AS ok, "it's" AS t FROM shop.customers;
SELECT APPROX_COUNT_DISTINCT(customer_id) AS customers, ANY_VALUE(status) AS s, LOGICAL_OR(total > 100) AS any_large FROM shop.orders;
SELECT customer_id, SUM(total) OVER (PARTITION BY customer_id ORDER BY ordered_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS running FROM shop.orders;
SELECT COALESCE(c.country, 'unknown') AS country, SUM(o.total) AS revenue FROM shop.orders o LEFT JOIN shop.customers c ON o.customer_id = c.id GROUP BY country HAVING revenue > 1000;
SELECT TIMESTAMP_TRUNC(ordered_at, HOUR) AS h, COUNT(*) AS n FROM shop.orders WHERE ordered_at > TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 7 DAY) GROUP BY h;
SELECT name, RANK() OVER (ORDER BY total DESC) AS r FROM (SELECT c.name, SUM(o.total) AS total FROM shop.orders o JOIN shop.customers c ON c.id = o.customer_id GROUP BY c.name) LIMIT 10;
SELECT FORMAT('%s (%d)', country, COUNT(*)) AS label, CONCAT(country, '!') AS c, LOWER(country) AS l FROM shop.customers GROUP BY country;
SELECT GREATEST(1, 2) AS g, GENERATE_ARRAY(1, 3) AS a, TO_JSON_STRING(STRUCT(1 AS x)) AS j, UNIX_SECONDS(CURRENT_TIMESTAMP()) AS u;

-- dialect: athena
SELECT country, count(*) AS n FROM shop.customers GROUP BY country ORDER BY n DESC LIMIT 5;
SELECT date_trunc('month', ordered_at) AS month, sum(total) AS revenue FROM shop.orders WHERE ordered_at >= date_add('month', -12, current_date) GROUP BY 1 ORDER BY 1;
SELECT date_format(ordered_at, '%Y-%m') AS month, approx_distinct(customer_id) AS customers FROM orders GROUP BY 1;
SELECT date_diff('day', min(ordered_at), max(ordered_at)) AS days FROM "awsdatacatalog"."shop"."orders";
SELECT * FROM (SELECT customer_id, total, row_number() OVER (PARTITION BY customer_id ORDER BY ordered_at DESC) AS rn FROM orders) t WHERE rn = 1;
SELECT approx_percentile(total, 0.5) AS median, stddev(total) AS sd, geometric_mean(total) AS gm FROM orders;
SELECT c.id, t.tag FROM customers c CROSS JOIN UNNEST(c.tags) AS t (tag);
SELECT json_extract_scalar(payload, '$.browser') AS browser, count_if(type = 'click') AS clicks FROM events GROUP BY 1;
SELECT array_join(array_agg(DISTINCT name), ', ') AS names, max_by(name, id) AS newest FROM customers;
SELECT year(ordered_at) AS y, quarter(ordered_at) AS q, day_of_week(ordered_at) AS d, hour(ordered_at) AS h FROM orders;
SELECT from_unixtime(ts) AS at, to_unixtime(current_timestamp) AS now_, from_iso8601_timestamp('2025-01-01T00:00:00Z') AS iso FROM events;
SELECT day, count(o.id) AS n FROM UNNEST(sequence(date '2025-01-01', date '2025-01-31', interval '1' day)) AS t (day) LEFT JOIN orders o ON date(o.ordered_at) = day GROUP BY day;
SELECT transform(tags, x -> upper(x)) AS tags, cardinality(tags) AS n, contains(tags, 'vip') AS vip, filter(tags, x -> x <> '') AS f, reduce(ARRAY[1, 2], 0, (s, x) -> s + x, s -> s) AS r FROM customers;
WITH m AS (SELECT date_trunc('month', ordered_at) AS month, sum(total) AS revenue FROM orders GROUP BY 1)
SELECT month, revenue, (revenue - lag(revenue) OVER (ORDER BY month)) / nullif(lag(revenue) OVER (ORDER BY month), 0) AS growth FROM m;
SELECT coalesce(country, 'unknown') AS country, if(segment = 'b2b', 1, 0) AS b2b, try_cast(name AS bigint) AS n FROM customers;
SELECT regexp_extract(email, '@(.*)', 1) AS domain, split(email, '@')[2] AS d2, element_at(split(email, '@'), 2) AS d3, regexp_like(email, '^a') AS a FROM customers;
SELECT sum(CASE WHEN status = 'returned' THEN 1 ELSE 0 END) * 100.0 / count(*) AS rate, sum(total) FILTER (WHERE status = 'completed') AS done FROM orders;
SELECT date_parse('2025-01', '%Y-%m') AS d, format_datetime(ordered_at, 'yyyy-MM') AS f, at_timezone(ordered_at, 'Europe/Warsaw') AS l FROM orders;
SELECT c.country, sum(o.total) AS revenue, rank() OVER (ORDER BY sum(o.total) DESC) AS r FROM orders o JOIN customers c ON o.customer_id = c.id GROUP BY c.country HAVING sum(o.total) > 1000;
SELECT map_agg(country, n) AS m, histogram(country) AS h FROM (SELECT country, count(*) AS n FROM customers GROUP BY country);
SELECT url_extract_host(url) AS host, count(*) AS n FROM events GROUP BY url_extract_host(url);
SELECT status, count(*) FROM orders TABLESAMPLE BERNOULLI (10) GROUP BY ROLLUP (status);
SELECT cast(row(1, 'a') AS row(x integer, y varchar)) AS r, ARRAY[1, 2] AS a, MAP(ARRAY['k'], ARRAY[1]) AS m;
SELECT ordered_at AT TIME ZONE 'UTC' AS u, extract(month FROM ordered_at) AS m, last_day_of_month(ordered_at) AS l FROM orders OFFSET 5 LIMIT 10;
SELECT concat(name, ' ', country) AS label, length(name) AS len, round(avg(length(name)) OVER (), 2) AS mean FROM customers WHERE name LIKE 'A%' ESCAPE '!';

-- dialect: mysql
SELECT country, COUNT(*) AS n FROM customers GROUP BY country ORDER BY n DESC LIMIT 5;
SELECT DATE_FORMAT(ordered_at, '%Y-%m') AS month, SUM(total) AS revenue FROM orders GROUP BY DATE_FORMAT(ordered_at, '%Y-%m') ORDER BY month;
SELECT DATE(ordered_at) AS day, COUNT(*) FROM orders WHERE ordered_at >= DATE_SUB(CURDATE(), INTERVAL 30 DAY) GROUP BY day;
SELECT c.name, IFNULL(SUM(o.total), 0) AS spent FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id, c.name HAVING spent > 100;
SELECT DATEDIFF(MAX(ordered_at), MIN(ordered_at)) AS days, TIMESTAMPDIFF(MONTH, MIN(ordered_at), NOW()) AS months FROM orders;
SELECT YEAR(ordered_at) AS y, MONTH(ordered_at) AS m, QUARTER(ordered_at) AS q, DAYNAME(ordered_at) AS d, HOUR(ordered_at) AS h FROM orders;
SELECT GROUP_CONCAT(DISTINCT name ORDER BY name SEPARATOR ', ') AS names FROM customers;
SELECT IF(total > 100, 'large', 'small') AS size, COUNT(*) FROM orders GROUP BY size;
SELECT `order`, `group` FROM `weird table` WHERE `order` = 'it\'s';
WITH m AS (SELECT DATE_FORMAT(ordered_at, '%Y-%m-01') AS month, SUM(total) AS revenue FROM orders GROUP BY 1)
SELECT month, revenue, revenue - LAG(revenue) OVER (ORDER BY month) AS delta FROM m;
SELECT customer_id, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY ordered_at DESC) AS rn FROM orders;
SELECT JSON_EXTRACT(payload, '$.browser') AS browser, payload->>'$.os' AS os, COUNT(*) FROM events GROUP BY 1, 2;
SELECT SUBSTRING_INDEX(email, '@', -1) AS domain, CONCAT(name, ' ', country) AS label, CHAR_LENGTH(name) AS len FROM customers;
SELECT STR_TO_DATE('01,5,2025', '%d,%m,%Y') AS d, UNIX_TIMESTAMP(ordered_at) AS u, FROM_UNIXTIME(1735689600) AS f, LAST_DAY(ordered_at) AS l FROM orders;
SELECT SUM(status = 'returned') / COUNT(*) AS rate, AVG(total) AS mean, STDDEV(total) AS sd FROM orders;
SELECT CAST(total AS SIGNED) AS t, CONVERT(total, CHAR) AS c, ROUND(total, 2) AS r, TRUNCATE(total, 1) AS tr FROM orders;
SELECT country FROM customers WHERE name REGEXP '^A' OR name RLIKE 'B$' UNION SELECT country FROM customers WHERE email IS NULL;
SELECT status AS 'Order status', COUNT(*) AS "n" FROM orders GROUP BY status WITH ROLLUP;
SELECT p.category, SUM(oi.quantity * oi.unit_price) AS revenue FROM order_items oi INNER JOIN products p ON p.id = oi.product_id GROUP BY p.category ORDER BY revenue DESC LIMIT 10 OFFSET 5;
SELECT COALESCE(NULLIF(country, ''), 'unknown') AS country, GREATEST(1, 2) AS g, FIELD(status, 'a', 'b') AS f FROM orders JOIN customers USING (id);
SELECT DATE_ADD(ordered_at, INTERVAL 1 MONTH) AS next, EXTRACT(YEAR_MONTH FROM ordered_at) AS ym, WEEK(ordered_at) AS w, WEEKDAY(ordered_at) AS wd FROM orders;
SELECT MAKEDATE(2025, 1) AS d, PERIOD_DIFF(202501, 202401) AS p FROM orders LIMIT 1;
SELECT o.id FROM orders o WHERE o.total > ALL (SELECT total FROM orders WHERE status = 'returned') AND NOT EXISTS (SELECT 1 FROM events e WHERE e.id = o.id);
SELECT COUNT(DISTINCT CASE WHEN status = 'completed' THEN customer_id END) AS buyers FROM orders WHERE YEAR(ordered_at) = 2025 AND MONTH(ordered_at) BETWEEN 1 AND 3;
SELECT LOWER(name) AS l, UPPER(name) AS u, TRIM(name) AS t, LEFT(name, 1) AS f, LPAD(id, 5, '0') AS padded, MD5(email) AS h FROM customers;

-- dialect: tsql
SELECT TOP 5 country, COUNT(*) AS n FROM dbo.customers GROUP BY country ORDER BY n DESC;
SELECT TOP (10) WITH TIES name, total FROM dbo.orders ORDER BY total DESC;
SELECT FORMAT(ordered_at, 'yyyy-MM') AS month, SUM(total) AS revenue FROM [shop].[dbo].[orders] GROUP BY FORMAT(ordered_at, 'yyyy-MM') ORDER BY month;
SELECT DATEADD(month, DATEDIFF(month, 0, ordered_at), 0) AS month, SUM(total) AS revenue FROM dbo.orders WHERE ordered_at >= DATEADD(year, -1, GETDATE()) GROUP BY DATEADD(month, DATEDIFF(month, 0, ordered_at), 0);
SELECT c.name, ISNULL(SUM(o.total), 0) AS spent FROM dbo.customers c LEFT JOIN dbo.orders o ON o.customer_id = c.id GROUP BY c.name HAVING SUM(o.total) > 100;
SELECT YEAR(ordered_at) AS y, MONTH(ordered_at) AS m, DATEPART(quarter, ordered_at) AS q, DATENAME(weekday, ordered_at) AS d FROM dbo.orders;
SELECT IIF(total > 100, 'large', 'small') AS size, COUNT(*) AS n FROM dbo.orders GROUP BY IIF(total > 100, 'large', 'small');
SELECT STRING_AGG(name, ', ') WITHIN GROUP (ORDER BY name) AS names FROM dbo.customers;
WITH m AS (SELECT EOMONTH(ordered_at) AS month, SUM(total) AS revenue FROM dbo.orders GROUP BY EOMONTH(ordered_at))
SELECT month, revenue, revenue - LAG(revenue) OVER (ORDER BY month) AS delta FROM m;
SELECT [Order ID], [Gross Amount] AS 'Gross' FROM [Orders 2025] WHERE [Gross Amount] > 100;
SELECT CAST(total AS DECIMAL(10, 2)) AS t, CONVERT(VARCHAR(10), ordered_at, 120) AS d, TRY_CAST(name AS INT) AS n FROM dbo.orders;
SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY ordered_at DESC) AS rn FROM dbo.orders) AS x WHERE rn = 1;
SELECT name FROM dbo.customers ORDER BY name OFFSET 10 ROWS FETCH NEXT 5 ROWS ONLY;
SELECT LEN(name) AS len, CHARINDEX('@', email) AS at_sign, SUBSTRING(email, 1, 3) AS s, LEFT(name, 1) AS f, REPLACE(name, 'a', 'b') AS r FROM dbo.customers WHERE name LIKE N'Ł%';
SELECT JSON_VALUE(payload, '$.browser') AS browser, COUNT(*) AS n FROM dbo.events GROUP BY JSON_VALUE(payload, '$.browser');
SELECT CAST(ordered_at AS DATE) AS day, SUM(CASE WHEN status = 'returned' THEN 1 ELSE 0 END) * 100.0 / COUNT(*) AS rate FROM dbo.orders GROUP BY CAST(ordered_at AS DATE);
SELECT country FROM dbo.customers EXCEPT SELECT country FROM dbo.customers WHERE segment = 'b2b';
SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY total) OVER (PARTITION BY status) AS median FROM dbo.orders;
SELECT COALESCE(c.country, 'unknown') AS country, COUNT(DISTINCT o.customer_id) AS buyers, CONCAT(c.country, '!') AS label FROM dbo.orders o JOIN dbo.customers c ON c.id = o.customer_id GROUP BY c.country;
SELECT DATEDIFF(day, MIN(ordered_at), MAX(ordered_at)) AS days, ROUND(AVG(total), 2) AS mean, STDEV(total) AS sd, VAR(total) AS v FROM dbo.orders;
SELECT s.value AS tag FROM dbo.customers c CROSS APPLY (SELECT 1 AS value) AS s;
SELECT SUM(total) OVER (ORDER BY ordered_at ROWS UNBOUNDED PRECEDING) AS running, NTILE(4) OVER (ORDER BY total) AS quartile FROM dbo.orders;
SELECT DATEFROMPARTS(2025, 1, 1) AS d, SYSDATETIME() AS now_, ABS(-1) AS a, CEILING(1.5) AS c, POWER(2, 3) AS p;
SELECT p.category, SUM(oi.quantity * oi.unit_price) AS revenue, RANK() OVER (ORDER BY SUM(oi.quantity * oi.unit_price) DESC) AS r FROM dbo.order_items oi INNER JOIN dbo.products p ON p.id = oi.product_id GROUP BY p.category;
SELECT [completed], [returned] FROM (SELECT status, total FROM dbo.orders) AS src PIVOT (SUM(total) FOR status IN ([completed], [returned])) AS p;
