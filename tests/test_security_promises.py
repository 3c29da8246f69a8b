"""docs/security.md promises nothing that no test proves: every item of its lists names its tests here."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "security.md"
LEAKS = "masking/test_gateway_leaks.py"
CLIENT = "masking/test_client_leaks.py"
DATABASE = "masking/test_database_leaks.py"
CONFIG = "masking/test_config_leaks.py"
MASK = "masking/test_mask.py"
REPRS = "masking/test_reprs.py"
FILES = "gateway/test_files.py"
LIMITS = "runtime/test_limits.py"
INCLUDED = "gateway/config/test_included_files.py"
PRIVATE = "clickhouse/test_private.py"
STATEMENTS = "clickhouse/test_holder_statements.py"

PROMISES: dict[str, tuple[str, ...]] = {
    # Keys and passwords
    "No exception that leaves the client": (
        f"{LEAKS}::test_a_key_is_not_shown_wherever_a_server_repeats_it",
        f"{LEAKS}::test_every_kind_of_location_is_known",
        f"{LEAKS}::test_headers_of_the_configuration_and_of_the_call_are_known",
        f"{CLIENT}::test_a_calls_credentials_are_in_no_error",
        f"{CLIENT}::test_the_errors_of_libraries_in_a_chain_are_masked_too",
        f"{MASK}::test_a_variable_that_holds_a_key_is_read_when_a_text_is_masked",
        f"{MASK}::test_proxies_and_database_urls_of_the_environment_are_known",
    ),
    "That holds however a server writes the secret": (
        f"{LEAKS}::test_a_key_is_not_shown_however_a_server_writes_it",
        f"{MASK}::test_a_key_of_any_characters_is_found_under_two_encodings",
        f"{MASK}::test_every_piece_of_eight_characters_is_found_wherever_it_stands",
    ),
    "It holds in the blocking and the asynchronous client": (
        f"{LEAKS}::test_the_asynchronous_client_shows_no_key_either",
        f"{LEAKS}::test_an_error_within_a_stream_shows_no_key",
        f"{CLIENT}::test_the_clients_key_is_in_no_error_and_no_log",
        f"{CLIENT}::test_the_asynchronous_client_shows_no_key_either",
    ),
    "No line that our loggers": (
        f"{LEAKS}::test_what_our_loggers_write_is_masked",
        f"{LEAKS}::test_a_key_is_not_shown_wherever_a_server_repeats_it",
    ),
    "No `repr` of a client": (
        f"{REPRS}::test_whatever_may_carry_a_secret_has_a_repr_that_hides_it_and_never_raises",
        f"{REPRS}::test_headers_and_credentials_are_hidden_before_anybody_knows_them",
        f"{CONFIG}::test_a_configuration_shows_none_of_its_headers_and_logins",
        f"{DATABASE}::test_addresses_and_databases_show_no_login_in_their_repr",
        f"{DATABASE}::test_the_repr_of_a_database_that_was_never_opened_does_not_raise",
    ),
    "What a failed attempt answered": (f"{LEAKS}::test_the_raw_responses_of_failed_attempts_are_without_the_key",),
    "A row's `raw_response`": (f"{LEAKS}::test_rows_and_raw_responses_of_good_answers_are_without_the_key",),
    "A header's value that stands": (f"{LEAKS}::test_headers_of_the_configuration_and_of_the_call_are_known",),
    "The user and the password of an `api_base`": (
        f"{LEAKS}::test_the_user_and_password_of_an_api_base_travel_as_a_header_and_are_not_shown",
    ),
    "A key that was written where its location belongs": (
        f"{CONFIG}::test_no_error_shows_a_key_that_stands_in_the_wrong_place",
    ),
    "No URL in an error": (
        f"{MASK}::test_userinfo_and_secret_parameters_of_any_url_are_hidden",
        f"{CLIENT}::test_the_user_and_password_of_a_gateway_url_are_not_shown",
        f"{LEAKS}::test_the_user_and_password_of_a_proxy_are_not_shown",
    ),
    "The URL of a database": (
        f"{DATABASE}::test_a_database_that_cannot_be_opened_shows_no_password",
        f"{DATABASE}::test_a_server_that_repeats_the_login_shows_no_password",
    ),
    "A saved notebook holds no secret": ("notebook/test_saved_keys.py::test_a_saved_notebook_holds_no_key",),
    "The record that a panel leaves": ("notebook/test_record.py::test_no_known_key_reaches_the_record_or_the_page",),
    "Secrets are kept in memory": (
        f"{MASK}::test_what_is_known_is_bounded_and_a_key_in_use_stays",
        f"{MASK}::test_the_index_forgets_what_is_no_longer_known",
        f"{LEAKS}::test_a_key_that_was_forgotten_meanwhile_is_known_to_the_failure_of_its_call",
    ),
    "Hiding takes time": (f"{MASK}::test_time_grows_with_the_text_and_not_with_the_keys",),
    "Placeholders and values that are too short": (f"{MASK}::test_placeholders_and_short_values_hide_nothing",),
    "A secret of 6 or 7 characters": (
        f"{MASK}::test_a_short_password_is_hidden_as_a_whole_word_only",
        f"{MASK}::test_the_user_of_a_url_is_hidden_as_a_whole_word",
    ),
    "`content` is never changed": (f"{LEAKS}::test_content_is_the_models_own_word",),
    # Model output
    "Nothing that a model answers becomes a tag": (
        "notebook/test_record.py::test_hostile_text_adds_no_tag_and_no_attribute",
        "notebook/browser/test_panel.py::test_hostile_text_shows_itself_and_nothing_runs",
    ),
    "Control characters and marks": ("notebook/test_views_answer.py::test_controls_become_visible_and_everything_else_stays",),
    "A page may send anything": ("notebook/test_views_composer.py::test_a_page_may_send_anything",),
    "An answer of a megabyte": ("notebook/test_record.py::test_a_megabyte_on_one_line_is_kept_whole",),
    # Files that an input names
    "Files are fetched over": (f"{FILES}::test_only_http_is_fetched",),
    "They come from public addresses only": (
        f"{FILES}::test_private_addresses_are_never_asked",
        f"{FILES}::test_public_addresses_are_told_from_others",
        f"{FILES}::test_exceptions_are_hosts_addresses_and_networks",
        f"{FILES}::test_an_exception_for_one_host_is_none_for_another",
    ),
    "The address is checked at the moment of connecting": (
        "masking/test_fetch_limits.py::test_a_redirect_to_a_private_address_is_not_followed",
    ),
    "A fetch ends after 100 MB": (
        "masking/test_fetch_limits.py::test_the_limits_of_a_fetch_are_those_of_the_document",
        f"{FILES}::test_a_fetch_is_bounded_in_time_and_size",
        f"{FILES}::test_a_provider_time_limit_covers_the_fetch",
    ),
    "An error page is cut": (f"{FILES}::test_a_long_error_page_is_cut_in_the_error",),
    "The error about a file": ("masking/test_fetch_limits.py::test_the_error_about_a_file_shows_no_login_and_no_signature",),
    "A pointer into object storage": (f"{FILES}::test_a_pointer_that_leads_out_of_the_store_is_no_file",),
    # Answers without end
    "A whole answer, a stream": (
        f"{LIMITS}::test_a_whole_answer_that_is_too_large_is_an_error_that_names_its_limit",
        f"{LIMITS}::test_a_stream_that_is_too_large_is_the_same_error",
        f"{LIMITS}::test_a_head_without_end_is_an_error",
        f"{LIMITS}::test_an_event_without_end_is_an_error_that_names_its_limit",
    ),
    "A deadline holds": (f"{LIMITS}::test_a_deadline_holds_although_something_always_comes",),
    "The memory of a large answer": (f"{LIMITS}::test_the_memory_of_a_large_answer_is_bounded_and_given_back",),
    # Proxies and redirects
    "This machine is never asked": (
        "runtime/test_proxy_and_tls.py::test_this_machine_is_never_asked_through_a_proxy",
        "runtime/test_proxy_and_tls.py::test_a_redirect_from_this_machine_and_back_changes_who_carries_it",
    ),
    "Only `http` and `https`": ("runtime/test_redirects.py::test_no_other_scheme_is_followed_or_asked",),
    "A redirect takes keys": (
        "runtime/test_redirects.py::test_keys_are_sent_to_no_other_host_or_port",
        "runtime/test_redirects.py::test_a_key_that_was_dropped_does_not_come_back_with_its_host",
    ),
    # Templates
    "A template includes nothing outside": (
        f"{INCLUDED}::test_nothing_outside_the_folder_is_read",
        f"{INCLUDED}::test_included_files_cannot_lead_out_either",
    ),
    "A variant that a call brings along": (
        f"{INCLUDED}::test_a_variant_that_a_call_brings_reads_no_file",
        f"{INCLUDED}::test_a_schema_reads_no_other_file_or_address",
    ),
    # The local endpoint
    "The process that holds a chdb directory": (
        "clickhouse/test_holder.py::test_the_endpoint_answers_only_with_the_token",
        "clickhouse/test_holder.py::test_no_token_is_shown",
    ),
    "That file is this user's alone": (
        f"{PRIVATE}::test_a_token_file_that_others_could_open_is_made_afresh",
        f"{PRIVATE}::test_a_token_file_of_another_user_is_refused",
        f"{PRIVATE}::test_a_link_in_the_place_of_the_token_file_is_refused",
    ),
    "A chdb directory and a spool directory": (
        f"{PRIVATE}::test_a_new_chdb_directory_is_private",
        f"{PRIVATE}::test_a_chdb_directory_of_another_user_is_refused",
        f"{PRIVATE}::test_a_link_in_the_place_of_the_spool_is_refused",
        f"{PRIVATE}::test_what_others_put_into_an_open_spool_is_not_delivered",
    ),
    "The holder takes rows": (
        f"{STATEMENTS}::test_nothing_but_reads_of_tables_and_our_rows_is_done",
        f"{STATEMENTS}::test_every_table_function_of_the_engine_is_refused_but_harmless_ones",
        f"{STATEMENTS}::test_a_request_brings_no_setting_that_is_not_known",
    ),
    "A `Host` that is not loopback": (f"{STATEMENTS}::test_a_request_for_another_host_is_refused_whatever_it_carries",),
    "A connection that has not shown the token": (
        f"{STATEMENTS}::test_silent_strangers_take_few_descriptors_and_keep_nobody_out",
        f"{STATEMENTS}::test_a_stranger_has_little_time_for_its_head",
        f"{STATEMENTS}::test_a_strangers_endless_head_is_cut",
    ),
}


def promises() -> list[str]:
    """The items of the document's lists, each on one line."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return [" ".join(item.split()) for item in re.findall(r"^- (.+?)(?=\n- |\n\n|\Z)", text, re.MULTILINE | re.DOTALL)]


@cache
def names_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


@pytest.mark.parametrize("promise", promises())
def test_every_promise_has_its_tests(promise: str) -> None:
    named = [tests for start, tests in PROMISES.items() if promise.startswith(start)]
    assert len(named) == 1, f"tests/test_security_promises.py names no tests for: {promise}"
    for test in named[0]:
        path, _, name = test.partition("::")
        assert name in names_in(path), test


def test_every_test_that_is_named_proves_a_promise_of_the_document() -> None:
    assert [start for start in PROMISES if not any(promise.startswith(start) for promise in promises())] == []
