-- The sample workspace. Everything is computed from row numbers, so that every build has the same rows;
-- no expression depends on the time zone of the session.

-- A pseudorandom number from 0 to below n: one step of a generator modulo a prime, squared.
CREATE TEMP MACRO draw(i, salt, n) AS
    (((i + 1) * 48271 + salt * 69621) % 2147483647) * (((i + 1) * 48271 + salt * 69621) % 2147483647) % 2147483647 % n;

CREATE SCHEMA usr;
CREATE SCHEMA sales;

-- 40 people, two of whom have most of the logins.
CREATE TYPE usr.user_role AS ENUM ('viewer', 'analyst', 'admin');
CREATE TABLE usr.users AS
SELECT
    user_id,
    CASE user_id
        WHEN 1 THEN 'damian@connectyai.com'
        WHEN 2 THEN 'aleksandra.wisniewska-kowalska@connectyai.com'
        ELSE lower(first_name) || '.' || user_id || '@example.com'
    END AS email,
    first_name,
    (['viewer', 'analyst', 'admin'])[1 + draw(user_id, 1, 3)]::usr.user_role AS role,
    DATE '2023-01-09' + (user_id * 11)::INTEGER AS signed_up_on,
    CASE WHEN draw(user_id, 2, 5) = 0 THEN NULL ELSE draw(user_id, 3, 2) = 1 END AS newsletter,
    CASE WHEN user_id > 3 AND draw(user_id, 4, 3) > 0 THEN 1 + draw(user_id, 5, user_id - 1) END AS invited_by,
    {
        'theme': (['light', 'dark'])[1 + draw(user_id, 6, 2)],
        'page_size': (25 * (1 + draw(user_id, 7, 4)))::INTEGER,
        'alerts': draw(user_id, 8, 2) = 1
    } AS preferences,
    -- The 32 digits of a UUID of version 4.
    format('{:08x}{:04x}4{:03x}8{:03x}{:04x}{:08x}', draw(user_id, 9, 2147483647), draw(user_id, 10, 65536),
           draw(user_id, 11, 4096), draw(user_id, 12, 4096), draw(user_id, 13, 65536), draw(user_id, 15, 2147483647))::UUID
        AS account_uuid,
    unhex(format('{:08x}', draw(user_id, 14, 2147483647))) AS key_fingerprint
FROM (
    SELECT
        range AS user_id,
        (['Damian', 'Aleksandra', 'Maja', 'Noah', 'Zofia', 'Liam', 'Hanna', 'Emil', 'Ida', 'Oskar'])[1 + (range - 1) % 10]
            AS first_name
    FROM range(1, 41)
);

-- 5,000 logins. The last hundred have the people and lengths of text that the API document shows, and its times
-- four days earlier: here, today is 1 November 2025.
CREATE TABLE usr.logins AS
SELECT
    5000 - nth AS login_id,
    CASE
        WHEN nth < 100 THEN CASE WHEN nth % 17 = 9 THEN 2 ELSE 1 END
        ELSE 1 + draw(nth, 21, 40)
    END AS user_id,
    make_timestamptz(CASE
        WHEN nth = 0 THEN epoch_us(TIMESTAMP '2025-10-31 12:05:01.146482')
        WHEN nth = 1 THEN epoch_us(TIMESTAMP '2025-10-31 10:48:15.46')
        WHEN nth = 2 THEN epoch_us(TIMESTAMP '2025-10-31 09:49:22.91')
        WHEN nth = 99 THEN epoch_us(TIMESTAMP '2025-10-20 09:03:05.196568')
        WHEN nth < 99 THEN epoch_us(TIMESTAMP '2025-10-31 09:49:22.91') - (nth - 2) * 9800000000
            + draw(nth, 22, 9000000) * 500
        ELSE epoch_us(TIMESTAMP '2025-10-20 09:03:05.196568') - (nth - 99) * 12800000000
            + draw(nth, 23, 12000000) * 1000
    END) AS login_at,
    CASE WHEN draw(nth, 24, 8) = 0 THEN NULL ELSE to_microseconds(draw(nth, 25, 30000) * 250000) END AS session_length,
    CASE WHEN draw(nth, 26, 3) = 0 THEN 'password' ELSE 'single sign-on' END AS method
FROM range(5000) AS logins(nth);

-- Twenty countries, with their legendary dates of foundation.
CREATE TABLE sales.countries (
    country_code VARCHAR PRIMARY KEY, name VARCHAR, continent VARCHAR, population BIGINT, area_km2 DOUBLE,
    phone_prefix VARCHAR, founded_on DATE, neighbours VARCHAR[]
);
INSERT INTO sales.countries VALUES
    ('PL', 'Poland', 'Europe', 37489000, 312685.0, '0048', '0966-04-14', ['DE', 'CZ', 'SK', 'UA', 'LT']),
    ('DE', 'Germany', 'Europe', 83577000, 357592.0, '0049', '1871-01-18', ['PL', 'CZ', 'AT', 'FR', 'NL', 'DK']),
    ('FR', 'France', 'Europe', 68605000, 551695.0, '0033', '0843-08-10', ['DE', 'ES', 'IT']),
    ('IT', 'Italy', 'Europe', 58934000, 301340.0, '0039', '0753-04-21 (BC)', ['FR', 'AT']),
    ('ES', 'Spain', 'Europe', 49077000, 505990.0, '0034', '1479-01-20', ['FR', 'PT']),
    ('PT', 'Portugal', 'Europe', 10749000, 92212.0, '00351', '1143-10-05', ['ES']),
    ('NL', 'Netherlands', 'Europe', 18044000, 41543.0, '0031', '1581-07-26', ['DE']),
    ('CZ', 'Czechia', 'Europe', 10909000, 78871.0, '00420', '1993-01-01', ['PL', 'DE', 'AT', 'SK']),
    ('SK', 'Slovakia', 'Europe', 5419000, 49035.0, '00421', '1993-01-01', ['PL', 'CZ', 'AT', 'UA']),
    ('AT', 'Austria', 'Europe', 9198000, 83879.0, '0043', '1156-09-17', ['DE', 'CZ', 'SK', 'IT']),
    ('DK', 'Denmark', 'Europe', 5992000, 42947.0, '0045', NULL, ['DE']),
    ('SE', 'Sweden', 'Europe', 10588000, 450295.0, '0046', '1523-06-06', ['NO', 'FI']),
    ('NO', 'Norway', 'Europe', 5594000, 385207.0, '0047', '1814-05-17', ['SE', 'FI']),
    ('FI', 'Finland', 'Europe', 5636000, 338462.0, '00358', '1917-12-06', ['SE', 'NO']),
    ('LT', 'Lithuania', 'Europe', 2886000, 65300.0, '00370', '1253-07-06', ['PL']),
    ('UA', 'Ukraine', 'Europe', 33443000, 603628.0, '00380', '1991-08-24', ['PL', 'SK']),
    ('IS', 'Iceland', 'Europe', 389000, 103000.0, '00354', '1944-06-17', []),
    ('US', 'United States', 'North America', 340111000, 9833520.0, '001', '1776-07-04', NULL),
    ('JP', 'Japan', 'Asia', 123802000, 377975.0, '0081', '0660-02-11 (BC)', []),
    ('AQ', 'Antarctica', 'Antarctica', 0, 14200000.5, '00672', 'infinity', NULL);

-- Texts that programs often mishandle, used as the notes of some customers.
CREATE TEMP TABLE awkward AS
SELECT unnest([
    '', ' ', 'NA', 'N/A', 'null', 'NULL', 'None', 'nan', 'true', 'False', '1e5', '00123', '-0', '+1', '0x1F', '1_000',
    '32,5', '4,391,674', '2025-01-01', '2025-02-30', '12:30:00', '20250101', '1/2', '=1+1', '  padded  ',
    'it''s', 'say "hello"', 'C:\new\table', 'ends with a backslash\', 'tab' || chr(9) || 'bed', 'two' || chr(10) || 'lines',
    'two' || chr(13) || chr(10) || 'lines', 'nul' || chr(0) || 'inside', 'bell' || chr(7) || ' and ' || chr(27) || '[2J', 'del' || chr(127),
    '],[', '","', '{"a": [1, null]}', '[NaN]', '<b>bold</b> & <script>alert(1)</script>', '$x^2$ costs $5', '100%', '%s {0} {rows}',
    'Zażółć gęślą jaźń', 'e' || chr(769) || ' is two characters, é is one', 'straße İstanbul', '東京都', '١٢٣', 'مرحبا', 'שלום',
    'left ' || chr(8238) || 'right' || chr(8236), chr(8207) || 'marked', chr(65279) || 'byte order mark', 'zero' || chr(8203) || 'width',
    'line' || chr(8232) || 'separator', 'no' || chr(160) || 'break', '😀', '👩‍👩‍👧‍👦', '🇵🇱', chr(65535), repeat('long ', 500)
]) AS note;

-- 2,000 customers, and one country without any.
CREATE TABLE sales.customers AS
SELECT
    customer_id,
    (['Nowak', 'Müller', 'Dubois', 'Rossi', 'García', 'Silva', 'de Vries', 'Dvořák', 'Ångström', 'O''Neill'])[1 + draw(customer_id, 31, 10)]
        || ' ' || (['GmbH', 'S.A.', 'sp. z o.o.', 'Ltd', 'AB'])[1 + draw(customer_id, 32, 5)] AS name,
    -- The cube of a draw: a few countries have most of the customers.
    (['PL', 'DE', 'FR', 'IT', 'ES', 'NL', 'CZ', 'US', 'AT', 'SE', 'PT', 'JP', 'DK', 'NO', 'FI', 'SK', 'LT', 'UA', 'IS'])
        [1 + (19 * (draw(customer_id, 33, 1000) / 1000.0) ** 3)::INTEGER % 19] AS country_code,
    lpad(draw(customer_id, 34, 100000)::VARCHAR, 5, '0') AS postal_code,
    CASE WHEN draw(customer_id, 35, 6) > 0 THEN DATE '1940-01-01' + draw(customer_id, 36, 24000)::INTEGER END AS born_on,
    CASE
        WHEN customer_id = 1 THEN '1234567890123456789012345678901234.5678'::DECIMAL(38, 4)
        WHEN customer_id = 2 THEN '-0.0001'::DECIMAL(38, 4)
        WHEN draw(customer_id, 37, 7) > 0 THEN ((draw(customer_id, 38, 1000000000) * 1000003)::DECIMAL(18, 0) * 0.0001)::DECIMAL(38, 4)
    END AS credit_limit,
    (9223372036854775807::UBIGINT + (draw(customer_id, 39, 2147483647) * customer_id)::UBIGINT) AS loyalty_number,
    CASE WHEN draw(customer_id, 40, 9) > 0 THEN draw(customer_id, 41, 3) = 0 END AS is_company,
    NULL::VARCHAR AS fax,
    awkward.note,
    cities[country_code][1 + draw(customer_id, 42, len(cities[country_code]))] AS city
FROM range(1, 2001) AS customers(customer_id)
CROSS JOIN (
    SELECT map {
        'PL': ['Warsaw', 'Kraków', 'Gdańsk'], 'DE': ['Berlin', 'Hamburg', 'Munich'], 'FR': ['Paris', 'Lyon'],
        'IT': ['Rome', 'Milan'], 'ES': ['Madrid', 'Seville'], 'NL': ['Amsterdam', 'Utrecht'], 'CZ': ['Prague', 'Brno'],
        'US': ['Boston', 'Chicago'], 'AT': ['Vienna', 'Graz'], 'SE': ['Stockholm', 'Malmö'], 'PT': ['Lisbon', 'Porto'],
        'JP': ['Tokyo', 'Osaka'], 'DK': ['Copenhagen', 'Aarhus'], 'NO': ['Oslo', 'Bergen'], 'FI': ['Helsinki', 'Turku'],
        'SK': ['Bratislava', 'Košice'], 'LT': ['Vilnius', 'Kaunas'], 'UA': ['Kyiv', 'Lviv'], 'IS': ['Reykjavík']
    } AS cities
)
LEFT JOIN (SELECT row_number() OVER () AS customer_id, note FROM awkward) AS awkward USING (customer_id)
ORDER BY customer_id;
DROP TABLE awkward;

-- 200 products.
CREATE TABLE sales.products AS
SELECT
    product_id,
    lpad((product_id * 37)::VARCHAR, 8, '0') AS sku,
    (['Lamp', 'Chair', 'Desk', 'Shelf', 'Mirror', 'Carpet', 'Clock', 'Vase'])[1 + product_id % 8] AS category,
    category || ' no. ' || product_id AS name,
    ((99 + draw(product_id, 51, 50000))::DECIMAL(8, 0) * 0.01)::DECIMAL(10, 2) AS price,
    CASE WHEN draw(product_id, 52, 10) > 0 THEN (1 + draw(product_id, 53, 40000)) / 1000.0 END AS weight_kg,
    -- NaN stands for a product without ratings, which is not the same as an unknown rating.
    CASE draw(product_id, 54, 12) WHEN 0 THEN 'NaN'::DOUBLE WHEN 1 THEN NULL ELSE draw(product_id, 55, 51) / 10.0 END AS rating,
    list_filter(['wood', 'glass', 'metal', 'sale', 'new'], lambda tag, place: draw(product_id, 56 + place, 3) = 0) AS tags,
    {
        'width_cm': (20 + draw(product_id, 62, 180))::INTEGER,
        'height_cm': (20 + draw(product_id, 63, 180))::INTEGER,
        'depth_cm': CASE WHEN draw(product_id, 64, 4) > 0 THEN (5 + draw(product_id, 65, 900)) / 10.0 END
    } AS size,
    map {'warranty': (1 + draw(product_id, 66, 5))::VARCHAR || ' years', 'made in': (['PL', 'DE', 'IT'])[1 + draw(product_id, 67, 3)]}
        AS attributes,
    170141183460469231731687303715884105727 - product_id::HUGEINT * 1000000007 AS serial_range,
    CASE WHEN product_id % 25 > 0 THEN DATE '2023-06-01' + draw(product_id, 68, 800)::INTEGER END AS released_on
FROM range(1, 201) AS products(product_id);

-- 100,000 orders with one to three items each.
CREATE TABLE sales.order_items AS
SELECT
    order_id,
    line,
    1 + draw(order_id * 3 + line, 71, 200) AS product_id,
    (1 + draw(order_id * 3 + line, 72, 4))::INTEGER AS quantity,
    products.price AS unit_price
FROM (SELECT o.range AS order_id, l.range::INTEGER AS line FROM range(1, 100001) AS o, range(1, 4) AS l)
JOIN sales.products ON products.product_id = 1 + draw(order_id * 3 + line, 71, 200)
WHERE line <= 1 + draw(order_id, 73, 3)
ORDER BY order_id, line;

-- Summer time begins or ends four times in the two years: in March and October of 2024 and of 2025.
CREATE TYPE sales.order_status AS ENUM ('placed', 'paid', 'shipped', 'delivered', 'returned');
CREATE TABLE sales.orders AS
SELECT
    order_id,
    1 + draw(order_id, 81, 2000) AS customer_id,
    make_timestamptz(placed_us) AS ordered_at,
    CASE WHEN status >= 'shipped'::sales.order_status THEN shipping END AS shipped_at,
    CASE WHEN status >= 'delivered'::sales.order_status THEN delivery END AS delivered_on,
    CASE WHEN draw(order_id, 84, 4) > 0 THEN TIME '08:00:00' + to_minutes(15 * draw(order_id, 85, 48)) END AS delivery_slot,
    status,
    totals.total,
    CASE WHEN draw(order_id, 86, 3) = 0 THEN (1 + draw(order_id, 87, 30)) / 100.0 END AS discount,
    CASE WHEN draw(order_id, 88, 10) > 0 THEN draw(order_id, 89, 4) = 0 END AS is_gift,
    CASE WHEN draw(order_id, 90, 20) = 0 THEN upper(format('{:06x}', draw(order_id, 91, 16777216))) END AS coupon
FROM (
    SELECT
        range AS order_id,
        -- 2023-11-01 to 2025-11-01 in even steps, each moved within its step.
        epoch_us(TIMESTAMP '2023-11-01') + range * 631500000 + draw(range, 92, 600000) * 1000 AS placed_us,
        (['placed', 'paid', 'shipped', 'delivered', 'delivered', 'delivered', 'delivered', 'returned'])[1 + draw(range, 93, 8)]
            ::sales.order_status AS drawn,
        make_timestamp(placed_us + 3600000000 * (1 + draw(range, 82, 72))) AS shipping,
        make_timestamp(placed_us)::DATE + (2 + draw(range, 83, 9))::INTEGER AS delivery,
        -- What would be shipped or delivered after today is not yet.
        CASE
            WHEN shipping >= DATE '2025-11-01' AND drawn > 'paid'::sales.order_status THEN 'paid'::sales.order_status
            WHEN delivery >= DATE '2025-11-01' AND drawn > 'shipped'::sales.order_status THEN 'shipped'::sales.order_status
            ELSE drawn
        END AS status
    FROM range(1, 100001)
)
JOIN (SELECT order_id, sum(quantity * unit_price)::DECIMAL(12, 2) AS total FROM sales.order_items GROUP BY order_id) AS totals
    USING (order_id)
ORDER BY order_id;

DROP MACRO draw;
