"""The functions that the guard lets through, by the names that the SQL writes before a parenthesis.

Names are what the database calls by; sqlglot's own classes differ between its versions.
"""

from __future__ import annotations

from typing import Final

#: Functions that compute a value from their arguments alone, or tell the time, the user or the version.
FUNCTIONS: Final = frozenset(
    """
    abs acos acosh add_months age agg aggregate all_match any_match any_value approx_count_distinct
    approx_distinct approx_most_frequent approx_percentile approx_quantile approx_quantiles
    approx_top_count approx_top_k approx_top_k_accumulate approx_top_k_combine approx_top_k_estimate
    approx_top_sum approximate_jaccard_index approximate_similarity arbitrary arg_max arg_min argmax
    argmin array array_agg array_all array_any array_append array_cat array_compact array_concat
    array_concat_agg array_construct array_construct_compact array_contained_by array_contains
    array_contains_all array_cosine_similarity array_dims array_distinct array_except array_extract
    array_fill array_filter array_first array_flatten array_frequency array_generate_range array_has
    array_has_all array_has_any array_insert array_intersect array_intersection array_join array_last
    array_length array_lower array_max array_min array_ndims array_overlaps array_position array_positions
    array_prepend array_remove array_remove_at array_repeat array_replace array_reverse array_reverse_sort
    array_size array_slice array_sort array_sum array_to_json array_to_string array_union array_union_agg
    array_unique_agg array_upper array_value arrayagg arrays_overlap arrays_zip as_double as_integer
    as_varchar ascii asin asinh at_timezone atan atan2 atanh atn2 avg bar base64 base64_decode_binary
    base64_decode_string base64_encode bin bit_and bit_and_agg bit_andagg bit_count bit_get bit_length
    bit_not bit_or bit_or_agg bit_oragg bit_shiftleft bit_shiftright bit_xor bit_xor_agg bit_xoragg bitand
    bitand_agg bitandagg bitmap_bit_position bitmap_bucket_number bitmap_construct_agg bitmap_count
    bitmap_or_agg bitnot bitor bitor_agg bitoragg bitshiftleft bitshiftright bitwise_and bitwise_and_agg
    bitwise_count bitwise_not bitwise_or bitwise_or_agg bitwise_xor bitwise_xor_agg bitxor bitxor_agg
    bitxoragg bool bool_and bool_or booland booland_agg boolean boolnot boolor boolor_agg boolxor
    boolxor_agg bround btrim byte_length cardinality case cast cbrt ceil ceiling century char char_length
    character_length charindex check_json check_xml checksum chr city_hash64 clock_timestamp coalesce
    code_points_to_bytes code_points_to_string codepoint collation collect_list collect_set columns
    combinations compress concat concat_ws conditional_change_event conditional_true_event connect_by_root
    contains contains_substr convert convert_timezone convert_tz corr cos cosh cosine_distance cot coth
    count count_big count_if countif covar_pop covar_samp crc32 csc csch cume_dist curdate current_account
    current_account_name current_available_roles current_catalog current_client current_database
    current_date current_datetime current_ip_address current_localtimestamp current_organization_name
    current_region current_role current_role_type current_schema current_schemas current_secondary_roles
    current_session current_statement current_time current_timestamp current_timezone current_user
    current_version current_warehouse curtime damerau_levenshtein database date date_add date_bin
    date_bucket date_diff date_format date_from_parts date_from_unix_date date_parse date_part date_sub
    date_trunc dateadd datediff datediff_big datefromparts datename datepart daterange datetime
    datetime_add datetime_diff datetime_sub datetime_trunc datetimefromparts datetrunc day day_of_month
    day_of_week day_of_year dayname dayofmonth dayofweek dayofweek_iso dayofweekiso dayofyear decade
    decode decode_case decompress_binary decompress_string degrees dense_rank div div0 div0null
    dot_product double dow doy edit_distance editdist3 editdistance element_at elt encode ends_with
    endswith entropy eomonth epoch epoch_ms epoch_ns epoch_us equal_null equi_width_bins era
    euclidean_distance even every exists exp explode explode_outer extract factorial farm_fingerprint
    farmfingerprint64 favg fdiv field filter find_in_set first first_value flatten float float4 float64
    float8 floor fmod forall format format_bytes format_date format_datetime format_number format_string
    format_time format_timestamp from_base from_base32 from_base64 from_hex from_iso8601_date
    from_iso8601_timestamp from_iso8601_timestamp_nanos from_json from_unixtime from_utc_timestamp
    from_utf8 fsum gamma gcd gen_random_uuid generate_array generate_date_array generate_series
    generate_subscripts generate_timestamp_array generate_uuid generator geomean geometric_mean get
    get_bit get_current_time get_current_timestamp get_ignore_case get_json_object get_path getbit getdate
    great_circle_distance greatest greatest_common_divisor greatest_ignore_nulls group_concat grouping
    grouping_id hamming hamming_distance hash hash_agg hashbytes hashtext haversine hex hex_decode_binary
    hex_decode_string hex_encode histogram histogram_numeric hll hll_count.extract hll_count.init
    hll_count.merge hour human_readable_seconds ieee_divide if iff ifnull iif infinity initcap inline
    insert instr int int2 int4 int4range int64 int8 is_array is_ascii is_finite is_inf is_json_scalar
    is_nan is_null_value is_object isempty isfinite isinf isnan isnotnull isnull isodow isoyear jaccard
    jaro_similarity jaro_winkler_similarity jarowinkler_similarity json json_agg json_array
    json_array_append json_array_contains json_array_elements json_array_elements_text json_array_get
    json_array_insert json_array_length json_arrayagg json_build_array json_build_object json_contains
    json_each json_each_text json_exists json_extract json_extract_array json_extract_path
    json_extract_path_text json_extract_scalar json_extract_string json_extract_string_array json_format
    json_group_array json_group_object json_insert json_keys json_merge_patch json_object json_object_agg
    json_object_keys json_objectagg json_parse json_patch json_pretty json_query json_query_array
    json_quote json_remove json_replace json_set json_size json_strip_nulls json_structure json_table
    json_to_record json_to_recordset json_transform json_tree json_tuple json_type json_typeof json_valid
    json_value json_value_array jsonb_agg jsonb_array_elements jsonb_array_elements_text
    jsonb_array_length jsonb_build_array jsonb_build_object jsonb_contains jsonb_each jsonb_each_text
    jsonb_exists jsonb_extract jsonb_extract_path jsonb_extract_path_text jsonb_extract_scalar
    jsonb_insert jsonb_object_agg jsonb_object_keys jsonb_path_exists jsonb_path_match jsonb_path_query
    jsonb_path_query_array jsonb_path_query_first jsonb_pretty jsonb_set jsonb_strip_nulls jsonb_to_record
    jsonb_to_recordset jsonb_typeof julian julianday justify_days justify_hours justify_interval kurtosis
    kurtosis_pop lag last last_day last_day_of_month last_value lax_bool lax_float64 lax_int64 lax_string
    lcase lcm lead least least_ignore_nulls left leftpad len length levenshtein levenshtein_distance
    levenshtein_less_equal lgamma likelihood likely list list_aggregate list_any_value list_append
    list_apply list_avg list_concat list_contains list_cosine_distance list_cosine_similarity list_count
    list_distance list_distinct list_extract list_filter list_first list_has list_has_all list_has_any
    list_intersect list_last list_max list_min list_position list_prepend list_reduce list_reverse
    list_reverse_sort list_slice list_sort list_sum list_transform list_unique list_value list_zip listagg
    ln localtime localtimestamp locate log log10 log2 logical_and logical_or lower lower_hex lower_inc
    lower_inf lpad ltrim mad make_date make_interval make_time make_timestamp make_timestamptz makedate
    maketime manhattan_distance map map_agg map_cat map_concat map_contains map_contains_key map_delete
    map_entries map_extract map_filter map_from_arrays map_from_entries map_insert map_keys map_pick
    map_size map_union map_values mask match max max_by md5 md5_binary md5_digest md5_hex
    md5_number_lower64 md5_number_upper64 mean median microsecond millennium millisecond min min_by
    min_scale minhash minhash_combine minute mod mode monotonically_increasing_id month monthname
    months_between multimap_agg named_struct nan nanvl negative net.host net.public_suffix net.reg_domain
    newid next_day nextafter nfc_normalize ngrams none_match normal normalize normalize_and_casefold now
    nth_value ntile nullif nullifzero num_nonnulls num_nulls numeric_histogram numrange nvl nvl2
    object_agg object_construct object_construct_keep_null object_delete object_id object_insert
    object_keys object_transform octet_length openjson ord overlay pad parse_bignumeric parse_date
    parse_datetime parse_duration parse_filename parse_ip parse_json parse_numeric parse_path parse_time
    parse_timestamp parse_url parsename percent_rank percentile percentile_approx percentile_cont
    percentile_disc period_diff pg_size_pretty pg_typeof phraseto_tsquery pi plainto_tsquery pmod
    posexplode posexplode_outer position pow power prefix prev previous_day printf product quantile
    quantile_cont quantile_disc quarter quote quote_ident quote_literal quote_nullable radians rand randn
    random randstr range range_agg range_bucket rank ratio_to_report reduce reduce_agg regexp_contains
    regexp_count regexp_extract regexp_extract_all regexp_full_match regexp_i_like regexp_instr
    regexp_like regexp_match regexp_matches regexp_replace regexp_split regexp_split_to_array
    regexp_split_to_table regexp_substr regexp_substr_all regr_avgx regr_avgy regr_count regr_intercept
    regr_r2 regr_slope regr_sxx regr_sxy regr_syy regr_valx regr_valy repeat replace replicate
    reservoir_quantile reverse right rightpad rint rlike round round_even row row_number row_to_json rpad
    rtrim rtrimmed_length safe_add safe_cast safe_convert_bytes_to_string safe_divide safe_multiply
    safe_negate safe_subtract scale schema schema_name schema_of_json search sec sech second sem sentences
    seq1 seq2 seq4 seq8 sequence session_user session_window set_agg sha sha1 sha1_binary sha1_hex sha2
    sha256 sha2_binary sha2_hex sha384 sha512 shiftleft shiftright shuffle sign signbit signum similarity
    sin sinh size skew skewness slice some sort_array soundex soundex_p123 space split split_by_string
    split_part split_to_array split_to_map split_to_table sqlite_version sqrt square st_area st_astext
    st_contains st_distance st_dwithin st_geogfromtext st_geogpoint st_intersects st_makepoint st_point
    st_within st_x st_y stack starts_with startswith statement_timestamp std stddev stddev_pop stddev_samp
    stdev stdevp str_position str_split str_split_regex str_to_date str_to_map strftime string string_agg
    string_split string_split_regex string_to_array string_to_table stringagg strip_accents
    strip_null_value strlen strpos strptime strtok strtok_split_to_table strtok_to_array strtol struct
    struct_extract struct_insert struct_keys struct_pack stuff substr substring substring_index suffix sum
    sumkahan suser_name suser_sname sysdate sysdatetime sysdatetimeoffset system_user systimestamp tan
    tanh text textlen time time_add time_bucket time_diff time_from_parts time_slice time_sub time_trunc
    timeadd timediff timefromparts timeofday timestamp timestamp_add timestamp_diff timestamp_from_parts
    timestamp_ltz timestamp_ltz_from_parts timestamp_micros timestamp_millis timestamp_ntz
    timestamp_ntz_from_parts timestamp_seconds timestamp_sub timestamp_trunc timestamp_tz_from_parts
    timestampadd timestampdiff timestampfromparts timestampltzfromparts timestampntzfromparts
    timestamptzfromparts timezone timezone_hour to_array to_base to_base32 to_base64 to_binary to_boolean
    to_char to_code_points to_date to_days to_decfloat to_decimal to_double to_geography to_geometry
    to_hex to_hours to_iso8601 to_json to_json_string to_jsonb to_map to_microseconds to_milliseconds
    to_minutes to_months to_number to_numeric to_object to_quarters to_seconds to_time to_timestamp
    to_timestamp_ltz to_timestamp_ntz to_timestamp_tz to_tsquery to_tsvector to_unix_timestamp to_unixtime
    to_utc_timestamp to_utf8 to_varchar to_variant to_weeks to_years today total transaction_timestamp
    transform transform_values translate trim trim_array trim_scale trunc truncate try try_add try_avg
    try_base64_decode_binary try_base64_decode_string try_cast try_convert try_divide try_element_at
    try_hex_decode_binary try_hex_decode_string try_multiply try_parse_json try_strptime try_subtract
    try_sum try_to_binary try_to_boolean try_to_date try_to_decfloat try_to_decimal try_to_double
    try_to_number try_to_numeric try_to_time try_to_timestamp try_to_timestamp_ltz try_to_timestamp_ntz
    try_to_timestamp_tz try_variant_get ts_rank ts_rank_cd tsrange tstzrange typeof ucase unaccent
    unbase64 unhex unicode uniform union_value unix_date unix_micros unix_millis unix_seconds
    unix_timestamp unixepoch unlikely unnest upper upper_inc upper_inf url_decode url_encode
    url_extract_host url_extract_parameter url_extract_path url_extract_protocol url_extract_query
    utc_date utc_time utc_timestamp uuid uuid_string var var_pop var_samp variance variance_pop
    variance_samp variant_get vector_cosine_similarity vector_inner_product vector_l1_distance
    vector_l2_distance version websearch_to_tsquery week week_of_year weekday weekiso weekofyear
    weighted_avg width_bucket wilson_interval_lower window with_timezone word_similarity word_stem
    xmlelement xmlget xmltable xor xxhash64 year year_of_week year_of_week_iso yearofweek yearofweekiso
    yearweek yow zeroifnull zip zip_with zipf
    """.split()
)

#: Functions that may stand in FROM: they turn a value into rows.
ROWS: Final = frozenset(
    """
    explode explode_outer flatten generate_date_array generate_series generate_subscripts
    generate_timestamp_array generator inline inline_outer json_array_elements json_array_elements_text
    json_each json_each_text json_object_keys json_table json_to_record json_to_recordset json_tree
    json_tuple jsonb_array_elements jsonb_array_elements_text jsonb_each jsonb_each_text jsonb_object_keys
    jsonb_path_query jsonb_to_record jsonb_to_recordset openjson posexplode posexplode_outer range
    regexp_matches regexp_split_to_table sequence split_to_table stack string_split string_to_table
    strtok_split_to_table unnest
    """.split()
)

#: Words that a parenthesis may follow and that call no function: keywords and types.
WORDS: Final = frozenset(
    """
    against all analyze and any apply array as asc at before bernoulli between bigint bignumeric binary
    bit bpchar by bytes case char character collate columns conditions cross cube datetime datetime2
    datetimeoffset dec decfloat decimal desc distinct distribute double else end enum escape except
    exclude exists filter first fixed float for from full geography geometry glob group grouping having if
    ilike in inner int int64 integer intersect interval is join key lateral left like limit list local map
    match_condition match_recognize materialized natural nchar not nullable nulls number numeric nvarchar
    object offset on or order ordinal over partition pattern pivot qualify range real rename repeatable
    replace reservoir returning right rlike rollup row rows safe_offset safe_ordinal sample seed select
    sets similar smallint some sort string struct system table tablesample text then time timestamp
    timestamp_ltz timestamp_ntz timestamp_tz timestamptz timetz tinyint to top tuple union unpivot using
    values varbinary varbyte varchar varying vector when where with within
    """.split()
)

#: Classes of sqlglot for what calls a function without a name and a parenthesis, such as an operator, and for
#: what sqlglot adds to a call.
SYNTAX: Final = frozenset(
    """
    Abs And AnyValue ApproxDistinct ApproxQuantile ArgMax ArgMin Array ArrayContainedBy ArrayContainsAll
    ArrayOverlaps Case Cast Cbrt Ceil Chr Coalesce Collate Columns Concat ConnectByRoot Convert
    CurrentCatalog CurrentDate CurrentDatetime CurrentRole CurrentSchema CurrentTime CurrentTimestamp
    CurrentUser DateAdd DateDiff Decode DecodeCase Exists Extract First FirstValue Floor GroupConcat If
    Initcap JSONArray JSONArrayAgg JSONArrayContains JSONBContains JSONBContainsAllTopKeys
    JSONBContainsAnyTopKeys JSONBContainsTopKey JSONBDeleteAtPath JSONBExists JSONBExtract
    JSONBExtractScalar JSONBPathExists JSONExtract JSONExtractScalar JSONObject JSONObjectAgg JSONTable
    Last LastValue Localtime Localtimestamp Lower MakeInterval Map MatchAgainst Max Min NetFunc Normalize
    ObjectTransform OpenJSON Or Overlay ParseJSON PercentileCont PercentileDisc Pow Quantile
    RegexpFullMatch RegexpILike RegexpLike RegrAvgx RegrAvgy RegrSxx RegrSxy RegrSyy SafeFunc SessionUser
    Sqrt StartsWith StrPosition StrToDate StrToTime Struct Substring Sysdate TimeStrToTime ToMap Transform
    Translate Trim TryCast TsOrDsToDate TsOrDsToDatetime TsOrDsToTime TsOrDsToTimestamp XMLElement
    XMLTable Xor
    """.split()
)
