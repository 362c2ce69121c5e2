"""Recorded JSON in short: nothing that decides is lost, and a step alone is whole."""

import json

import pytest

from failure_analysis.pages import readable
from failure_analysis.review import compact
from make_runs import simulation, task, tau2

LAMPS = [{"sku": f"SKU{n}", "kind": "lamp", "size": {"high": n, "wide": 2 * n}, "note": None,
          "price": 10.5 + n, "sold_in_which_state": "whole"} for n in range(1, 5)]
ORDER = {"order": "ORD77", "customer": {"first": "Grace", "street": "12 Long Winding Road North"},
         "tier": "gold", "made": "2024-05-11T08:28:51", "insured": "no",
         "contact": "somebody.else@example.com",
         "what_was_remarked": "Rings twice and leaves it at the door of the neighbour",
         "lines": [{"sku": "SKU1", "count": 2}, {"sku": "SKU3", "count": 1}]}
OTHER = {**ORDER, "order": "ORD99", "tier": "silver", "customer": {"first": "Bob", "street": "-"},
         "lines": [{"sku": "SKU8", "count": 4}, {"sku": "SKU9", "count": 5}]}
LONG = "It is a lamp that shines on what is written. " * 60


def said(role, text):
    return {"role": role, "content": text}


def asked(name, arguments, result):
    """A message that calls a tool, and the one that brings its result."""
    ident = f"{name}-{json.dumps(arguments)}"
    return [{"role": "assistant", "content": None, "tool_calls": [
        {"id": ident, "name": name, "arguments": arguments, "requestor": "assistant"}]},
        {"role": "tool", "id": ident, "content": json.dumps(result), "error": False}]


@pytest.fixture
def show(run_script, analyse, tmp_path):
    """Shows a failing simulation of these messages, with these expected actions."""
    def shown(messages, actions=(), *options):
        one = task("1", actions)
        sim = simulation(one, 0.0) | {"messages": messages}
        folder = analyse("--input", tau2(tmp_path / "m.json", [one], [sim]))
        done = run_script("show_datapoint.py", folder, "m/1", *options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
    return shown


def test_records_of_one_shape_are_a_table_and_a_step_alone_is_whole(show):
    talk = asked("list_lamps", {"kind": "lamp"}, LAMPS)
    text = show(talk)
    assert ("\n  ~>\n  sku, size (high, wide), price (all: sold_in_which_state whole)\n"
            "    SKU1, 1, 2, 11.5\n    SKU2, 2, 4, 12.5\n    SKU3, 3, 6, 13.5\n") in text
    assert "~>: in short" in text and '"sku"' not in text
    whole = show(talk, (), "--steps", "0")
    assert json.dumps(LAMPS) in whole and "~>" not in whole


def test_an_object_keeps_what_decides_and_says_what_it_leaves_out(show):
    text = show([said("user", "I am Grace, cancel ORD77."),
                 *asked("get_order", {"order": "ORD77"}, ORDER)])
    assert ('\n  ~>\n  "customer": {"first": "Grace"}, "tier": "gold", '
            '"made": "2024-05-11T08:28:51", "insured": "no"\n'
            '  "lines": sku, count\n    SKU1, 2\n    SKU3, 1\n'
            "  left out: street, contact, what_was_remarked\n") in text


def test_of_what_nothing_names_only_its_own_fields_are_shown(show):
    text = show([said("user", "I am Grace, cancel ORD77."),
                 *asked("get_order", {"order": "ORD77"}, ORDER),
                 *asked("get_order", {"order": "ORD99"}, OTHER)])
    assert ('\n3.0 get_order {"order": "ORD99"}\n  ~> "tier": "silver", "insured": "no"; left '
            "out: what_was_remarked, customer (2), lines (2) and 1 more\n") in text
    assert '"lines": sku, count\n    SKU8' in show([
        said("user", "I am Grace, cancel it."), *asked("get_order", {"order": "ORD99"}, OTHER),
        said("assistant", "Order ORD99 is cancelled.")])


def test_things_that_nothing_chooses_are_as_a_table(show):
    orders = [OTHER | {"order": f"ORD9{n}", "number_of_the_parcels_sent": n,
                       "tier": "silver_with_an_extra"} for n in range(3)]
    text = show([said("user", "I am Grace."), *(one for order in orders for one in asked(
        "get_order", {"order": order["order"]}, order))])
    assert ('  ~> "tier": "silver_with_an_extra", "insured": "no", '
            '"number_of_the_parcels_sent": 1; left') in text
    assert '  ~> fields as at 3.0: "silver_with_an_extra", "no", 2; left out' in text


FLIGHTS = [{"flight": f"FL{n}00", "leaves": f"0{n}:00:00", "status": "available",
            "seats": {"business": n, "economy": 9 - n}, "prices": {"business": 400 + n,
                                                                   "economy": 100 + n}}
           for n in range(1, 9)]


def test_of_what_there_is_to_choose_from_the_chosen_and_its_kind_are_shown(show):
    listed = "\n".join(f"- {one['flight']} for ${one['prices']['economy']}" for one in FLIGHTS)
    text = show([said("user", "A flight, please."), *asked("find", {"to": "SEA"}, FLIGHTS),
                 said("assistant", listed), said("user", "FL200, please."),
                 *asked("book", {"flight": "FL300", "cabin": "economy"}, "booked"),
                 said("assistant", "It is booked.")])
    assert ("\n  ~>\n  flight, leaves, seats (economy), prices (economy) (all: status available)\n"
            "    FL100, 01:00:00, 8, 101\n    FL200, 02:00:00, 7, 102\n"
            "    FL300, 03:00:00, 6, 103\n    FL400, 04:00:00, 5, 104\n"
            "  left out: business, 4 of 8 rows\n") in text


def test_days_of_birth_and_names_that_nothing_names_are_left_out(show):
    people = [{"first": name, "born": f"19{n}0-02-03"} for n, name in enumerate(
        ("Grace", "Robert", "Ada", "Alan"), 4)]
    trip = {"trip": "TR1", "made": "2024-05-11", "cabin": "economy", "people": people, "bags": 2,
            "where_from_and_where_to": "from the one town to the other"}
    text = show([said("user", "I am Grace, TR1 of 2024-05-11."),
                 *asked("get", {"trip": "TR1"}, trip)])
    assert '"made": "2024-05-11", "cabin": "economy", "bags": 2\n  "people": 4\n' in text
    told = show([said("user", "TR1 is with Robert, born 1950-02-03, and with Ada, 2024-05-11."),
                 *asked("get", {"trip": "TR1"}, trip)])
    assert '"people": first, born\n    Grace, 1940-02-03\n    Robert, 1950-02-03\n' in told


def test_what_changed_since_a_look_up_is_shown_and_a_call_by_what_is_expected(show):
    arguments = {"order": "ORD77", "tier": "gold", "why": "The customer wrote twice that it is so. "
                 "Nobody answered her, and that was in spring."}
    changed = {**ORDER, "tier": "none", "lines": [*ORDER["lines"], {"sku": "SKU2", "count": 9}]}
    text = show([said("user", "I am Grace, change ORD77."),
                 *asked("get_order", {"order": "ORD77"}, ORDER),
                 *asked("update_order", arguments, changed),
                 *asked("close_order", arguments, "done")],
                [("update_order", arguments | {"tier": "none"}), ("close_order", arguments)])
    assert '\n  ~> as at 1.0 but "tier": "none", "lines": ["…", {"sku": "SKU2", "count": 9}]\n' \
        in text
    assert '\n3.0 W update_order {"tier": "gold"} (the rest as in expected action 1)\n' in text
    assert "\n5.0 W close_order as in expected action 2\n" in text


def test_long_messages_give_way_that_the_run_is_seen_to_its_end(show):
    part = LONG[:900]
    words = f"First words. {part}\nIn all that is $1,234.\nSKU1 is there.\n{part} Shall I?"
    talk = [said("assistant", f"{number}. {words}") for number in range(30)]
    text = show([*asked("list_lamps", {"kind": "lamp"}, LAMPS), *talk])
    assert text.count("First words.") == 30 and text.count(" Shall I?\n") == 30
    assert text.count("  … In all that is $1,234.\n") == 1  # said again it is no news
    assert len(text) < 25_000 and "NOT SHOWN" not in text
    assert "\n  In all that is $1,234.\n  SKU1 is there.\n" in show(talk[:3])


def test_json_of_any_shape_is_shown(show):
    deep = value = {}
    for _ in range(300):
        value["a"] = value = {}
    odd = [{"a": {}, "b": [], "c": None, "d\n[end of data": "x\nq\u202e"}, {"a": {"b": 1}}]
    results = (deep, odd * 9, [[], [{}]] * 40, [[*odd, *odd]] * 9, {"x": odd * 9, "y": {"z": odd}})
    text = show([one for number, result in enumerate(results)
                 for one in asked("list_it", {"n": number}, result)])
    assert "\u202e" not in text and "\n[end of data\n" not in text


FIRST = ("import re\n\ntext = 'a 1 b'\nfor found in re.findall('[0-9]', text):\n    print(found)\n"
         "    print('a line that stays as it is, and makes it worth it')\n")


def ran(code, result):
    """A message that runs a program, and what came of it."""
    call, answer = asked("python", {"code": code}, None)
    ident = f"{code}-{result}"
    call["tool_calls"][0]["id"] = ident
    return [call, answer | {"id": ident, "content": result}]


def test_a_program_is_lines_and_the_next_one_what_differs(show):
    second = FIRST.replace("[0-9]", "[0-9]+").replace("import re\n", "import re\nimport sys\n")
    text = show([*ran(FIRST, "1"), *ran(second, "1"), *ran(second, "2"),
                 *ran("x = 1\ny = 2\nprint(y)", "2")])
    text = "".join(line for line in text.splitlines(True) if not line.startswith("  ! "))
    assert ("0.0 W python code:\n  import re\n  text = 'a 1 b'\n"
            "  for found in re.findall('[0-9]', text):\n      print(found)\n"
            "      print('a line that stays as it is, and makes it worth it')\n  -> 1\n") in text
    assert ("2.0 W python code: as in 0.0 but\n    import re\n  + import sys\n    text = 'a 1 b'\n"
            "  - for found in re.findall('[0-9]', text):\n"
            "  + for found in re.findall('[0-9]+', text):\n") in text
    assert "4.0 W = step 2.0\n" in text
    assert "6.0 W python code:\n  x = 1\n  y = 2\n  print(y)\n" in text
    whole = show(ran(FIRST, "1"), (), "--steps", "0")
    assert json.dumps({"code": FIRST})[1:-1] in whole


def test_of_a_long_program_the_first_lines_are_shown(show):
    text = show(ran("\n".join(f"value_{n} = compute({n})" for n in range(100)), "done"))
    assert "  value_65 = compute(65)\n  … 34 lines more: --steps 0\n" in text


def test_a_call_that_returns_nothing_says_so(show):
    text = show(ran("x = 1", ""))
    assert '0.0 W python {"code": "x = 1"}\n' in text and "\n  -> (nothing)\n" in text


def test_a_shell_command_that_only_looks_is_no_write(show):
    talk = asked("bash", {"cmd": "cat lamp.py"}, None)
    talk[1]["content"] = "\n".join(f"line {n} of it" for n in range(40))
    text = show([*talk, *asked("bash", {"cmd": "rm lamp.py"}, "gone")])
    assert '0.0 bash {"cmd": "cat lamp.py"}\n' in text and "  line 39 of it\n" in text
    assert '2.0 W bash {"cmd": "rm lamp.py"}\n' in text


def test_ids_of_digits_that_are_expected_are_shown_and_an_amount_names_none(show):
    rows = {f"50129988{n:02}": {"options": {"volume": "750ml" if n % 2 else "1000ml"},
                                "price": 50.5 + n} for n in range(12)}
    text = show([said("user", "The 750ml one, dear."), *asked("get_kinds", {"of": "bottle"}, {
        "name": "Bottle", "kinds": rows})], [("buy", {"item": "5012998811"})])
    assert "\n    5012998811: 750ml, 61.5\n" in text and "left out: 8 of 12 kinds" in text


def test_actions_of_tau_bench_are_a_line_each(run_script, analyse, tmp_path):
    actions = [{"name": "get_order", "kwargs": {"order_id": "#W1"}},
               {"name": "return_items", "kwargs": {"order_id": "#W1", "item_ids": ["31", "32"]}}]
    run = [{"task_id": 0, "trial": 0, "reward": 0.0, "info": {
        "task": {"user_id": "u", "actions": actions, "instruction": "Return it.", "outputs": []},
        "source": "user", "reward_info": {"reward": 0.0, "info": {}, "actions": actions}},
        "traj": [{"role": "user", "content": "Return it."},
                 {"role": "assistant", "content": "No."}]}]
    (tmp_path / "gpt-airline.json").write_text(json.dumps(run))
    folder = analyse("--input", tmp_path / "gpt-airline.json")
    text = run_script("show_datapoint.py", folder, "gpt-airline/0").stdout
    assert ('\nexpected\n  "name": "get_order", "kwargs": {"order_id": "#W1"}\n'
            '  "name": "return_items", "kwargs": {"order_id": "#W1", "item_ids": ["31", "32"]}\n'
            ) in text


def test_the_page_has_actions_as_calls_whatever_their_arguments_are_called():
    for key in ("arguments", "kwargs"):
        expected = {"actions": [{"name": "get_order", key: {"order_id": "#W1"}}], "outputs": []}
        lines = [line for chunk in readable.chunks(expected, json.dumps(expected))
                 for line in chunk]
        assert "".join(one.recorded for line in lines for one in line) == json.dumps(expected)
        assert "".join(one.shown for line in lines for one in line) == 'get_order(order_id="#W1")'
    odd = {"actions": [{"name": "get_order", "kwargs": "#W1"}]}
    assert readable.chunks(odd, json.dumps(odd)) and not compact.actions(odd)
