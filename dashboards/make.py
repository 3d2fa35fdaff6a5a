#!/usr/bin/env python3
"""Writes the Grafana dashboards of geocommit to dashboards/grafana/.

Usage: dashboards/make.py [--check]

  --check   write nothing; exit 1 and name the files that are not what this script writes

One look for all: panels, colours, legends and links are made in panels.py, what is on which dashboard stands here.
"""
import json
import pathlib
import sys

from panels import (ABORT, COMMIT, COMMIT_OR_READ, Dashboard, SECONDS, bars, by_outcome, heatmap, quantiles, rate, row, select, stat, states, sum_by, table,
                    thresholds, timeseries, total)

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "grafana"

# What a series is of, in legends: with one protocol and region chosen the rest is noise, so legends hold what varies.
BY = "protocol, region"
LEGEND = "{{protocol}} {{region}}"
BY_PROTOCOL = "protocol"


def verdict_panels():
    def verdict(word, ref):
        selector = select("geocommit_cell_verdict", f'verdict="{word}"', region=False)
        return (ref, f"max by (cell) (last_over_time({selector}[$__range]))", "{{cell}}: " + word)
    return [
        stat("Verdict", "What the durable logs of all nodes and the clients' own records say of each cell: pass, violation, or unknown.",
             [verdict("pass", "A"), verdict("violation", "B"), verdict("unknown", "C")], unit="none", width=8, text="name",
             colours={".*: pass": "green", ".*: violation": "red", ".*: unknown": "yellow"}),
        stat("Violations", "Contradictions that the check found, of all classes: 0 is the promise of atomic commit. A protocol may be expected to "
             "break it (3PC under a partition); summary.json names classes and transactions.",
             [("A", f"sum by (cell) (last_over_time({select('geocommit_cell_violations', region=False)}[$__range]))", "{{cell}}")],
             unit="none", width=8, text="value_and_name", steps=thresholds(green=None, red=1)),
        stat("Latencies valid", "1: the emulation kept its promises, so latencies may be used. 0: summary.json says why not.",
             [("A", f"min by (cell) (last_over_time({select('geocommit_cell_valid', region=False)}[$__range]))", "{{cell}}")],
             unit="bool_yes_no", width=8, text="value_and_name", steps=thresholds(red=None, green=1)),
        stat("Committed", "Transactions of the shown time that clients were told are committed.",
             [("A", total("geocommit_client_transactions_total", 'outcome="commit"', by=BY_PROTOCOL), "{{protocol}}")], unit="short", width=8, height=4, text="value_and_name"),
        stat("Aborted", "... aborted, for whatever reason.",
             [("A", total("geocommit_client_transactions_total", 'outcome="abort"', by=BY_PROTOCOL), "{{protocol}}")], unit="short", width=8, height=4, text="value_and_name"),
        stat("Shed", "Not sent, as the client's cap on outstanding work was reached: then goodput is what the system can do, not what was "
             "asked of it.",
             [("A", total("geocommit_client_shed_total", by=BY_PROTOCOL), "{{protocol}}")], unit="short", width=8, height=4, text="value_and_name",
             steps=thresholds(green=None, yellow=1)),
    ]


def goodput(width=12, by=BY, legend=LEGEND):
    return timeseries("Goodput", "Commits a second that clients were told of.",
                      [("A", sum_by(by, rate("geocommit_client_transactions_total", COMMIT)), legend)], unit="cps", width=width)


def client_latency(width=12, by=BY, legend=LEGEND, q=0.99):
    name = f"p{q * 100:g}"
    return timeseries(f"Client latency {name}", "Intended start to outcome, of commits: waiting in line counts. Of merged buckets, which are "
                      "1.25 times apart.", [("A", quantiles(q, "geocommit_client_latency_seconds", COMMIT, by), f"{legend} {name}")],
                      unit=SECONDS, width=width)


def latency_panels():
    return [
        goodput(), client_latency(),
        client_latency(q=0.5),
        timeseries("Commit latency p50, p99", "At the coordinator: it takes the request, to the decision durable; of commits.",
                   [("A", quantiles(0.5, "geocommit_commit_latency_seconds", COMMIT, BY), LEGEND + " p50"),
                    ("B", quantiles(0.99, "geocommit_commit_latency_seconds", COMMIT, BY), LEGEND + " p99")], unit=SECONDS),
        heatmap("Client latency", "How many commits took how long, each second.",
                f"sum by (le) ({rate('geocommit_client_latency_seconds_bucket', COMMIT)})"),
        timeseries("Outcomes", "What clients were told, a second; unknown: never, within the time they wait.",
                   [("A", sum_by("outcome, reason", rate("geocommit_client_transactions_total")), "{{outcome}} {{reason}}")],
                   unit="cps", stack=True),
    ]


def lock_panels():
    return [
        timeseries("Lock hold p50, p99", "First lock granted to last lock released, per participant, of commits; aborted ones, which were blocked "
                   "perhaps, in a line of their own. 1 / lock hold is the most that one hot key can do a second.",
                   [("A", quantiles(0.5, "geocommit_lock_hold_seconds", COMMIT, BY), LEGEND + " p50"),
                    ("B", quantiles(0.99, "geocommit_lock_hold_seconds", COMMIT, BY), LEGEND + " p99"),
                    ("C", quantiles(0.99, "geocommit_lock_hold_seconds", by_outcome("commit", "abort"), BY), LEGEND + " p99, aborted too")], unit=SECONDS),
        timeseries("Locks held", "Granted now.", [("A", sum_by(BY, select("geocommit_locks_held")), LEGEND)], unit="short", width=6),
        timeseries("Waiting for a lock", "Transactions in line now.", [("A", sum_by(BY, select("geocommit_lock_waiters")), LEGEND)],
                   unit="short", width=6),
        timeseries("Share that had to queue", "Of the pairs of transaction and participant that held locks.",
                   [("A", f"sum by ({BY_PROTOCOL}) ({rate('geocommit_lock_waits_total')}) / "
                          f"sum by ({BY_PROTOCOL}) ({rate('geocommit_lock_hold_seconds_count')})", "{{protocol}}")],
                   unit="percentunit"),
        timeseries("Aborts by cause", "As coordinators decided them.",
                   [("A", sum_by("protocol, reason", rate("geocommit_transactions_total", 'outcome="abort"')), "{{protocol}} {{reason}}")],
                   unit="cps"),
    ]


def blocked(width=12, by=BY, legend=LEGEND):
    return timeseries("Blocked transactions", "Voted YES, know no outcome, and are past the decision timeout: their locks are lost to "
                      "everybody else.", [("A", sum_by(by, select("geocommit_blocked_transactions")), legend)], unit="short", width=width,
                      steps=thresholds(transparent=None, red=1))


def oldest_blocked(width=12, by=BY, legend=LEGEND):
    return timeseries("Oldest blocked transaction", "For how long it has been blocked: past its decision timeout. Alert: 10 s.",
                      [("A", f"max by ({by}) ({select('geocommit_oldest_blocked_seconds')})", legend)], unit=SECONDS, width=width,
                      steps=thresholds(transparent=None, red=10))


def in_doubt(width=12, by=BY, legend=LEGEND):
    return timeseries("In doubt", "YES is durable and the outcome is not known yet. Short of the timeout this is normal: it is the "
                      "protocol's window of vulnerability.", [("A", sum_by(by, select("geocommit_in_doubt_transactions")), legend)],
                      unit="short", width=width)


def blocking_panels():
    return [
        blocked(), oldest_blocked(), in_doubt(),
        timeseries("In doubt for, p50 and p99", "YES durable to outcome known, of those that ended.",
                   [("A", quantiles(0.5, "geocommit_in_doubt_seconds", "", BY), LEGEND + " p50"),
                    ("B", quantiles(0.99, "geocommit_in_doubt_seconds", "", BY), LEGEND + " p99")], unit=SECONDS),
        timeseries("Blocked for, p99", "The part of in-doubt time past the decision timeout, of those that were blocked and ended.",
                   [("A", quantiles(0.99, "geocommit_blocking_seconds", "", BY), LEGEND + " p99")], unit=SECONDS, empty_is_fine=True),
        timeseries("Held up behind a blocked transaction", "Others that stood in line for its locks: waited to the end, or gave up before.",
                   [("A", sum_by("protocol, cause", rate("geocommit_held_up_transactions_total")), "{{protocol}} {{cause}}")],
                   unit="cps", empty_is_fine=True),
    ]


def fault_states(width=24):
    return states("Faults", "What was broken, and when: the experiment's `faults:`, as the runner carried them out.",
                  [("A", f"max by (fault, target) ({select('geocommit_fault_active', region=False)})", "{{fault}} {{target}}")], width=width)


def network_panels():
    return [
        fault_states(),
        timeseries("Messages by class", "Sent, a second. Protocol messages are what a commit costs; retries show faults and timeouts.",
                   [("A", sum_by("traffic", rate("geocommit_messages_total")), "{{traffic}}")], unit="pps", stack=True),
        timeseries("Bytes across regions", "Encoded messages whose sender and receiver are in different regions.",
                   [("A", sum_by("traffic", rate("geocommit_message_bytes_total", 'scope="wan"')), "{{traffic}}")], unit="Bps", stack=True),
        timeseries("Not sent, or refused", "By cause: a peer that is down, an ordered drop, a frame that is none of ours.",
                   [("A", sum_by("cause", rate("geocommit_transport_dropped_total")), "{{cause}}")], unit="pps"),
        timeseries("Router lateness", "Actual minus due delivery. Past 1 ms at p99 the latencies of the cell are not valid: the machine is "
                   "short of CPU.",
                   [("A", f"max by (cell, quantile) ({select('geocommit_router_lateness_seconds', region=False)})", "{{cell}} q{{quantile}}")],
                   unit=SECONDS, steps=thresholds(transparent=None, red=0.001), empty_is_fine=True),
    ]


def health_panels(by="node", legend="{{node}}"):
    return [
        states("Answers scrapes", "A node that crashed, stands still or is overloaded does not.",
               [("A", 'max by (node) (up{job="geocommit", run=~"$run"})', "{{node}}")], up=True),
        timeseries("Forced write p99", "Force asked to durable, as the event loop sees it: the disk, and the line in front of it.",
                   [("A", quantiles(0.99, "geocommit_force_latency_seconds", "", by), f"{legend} p99")], unit=SECONDS, empty_is_fine=True),
        timeseries("Forced writes", "Log records that had to be durable before the protocol went on, a second.",
                   [("A", sum_by(by, rate("geocommit_forced_writes_total")), legend)], unit="wps"),
        timeseries("Open transactions", "State machines that are not forgotten yet.",
                   [("A", sum_by(f"{by}, role", select("geocommit_open_transactions")), f"{legend} {{{{role}}}}")], unit="short"),
        timeseries("Load generator lateness p99", "Sent minus intended: if this grows, it is the client that is slow.",
                   [("A", quantiles(0.99, "geocommit_client_send_lateness_seconds", "", by), f"{legend} p99")], unit=SECONDS),
        timeseries("Alarms", "Things that should not happen, by what.",
                   [("A", sum_by("what", rate("geocommit_alarms_total")), "{{what}}")], unit="cps", empty_is_fine=True),
    ]


def run_dashboard():
    d = Dashboard("geocommit-run", "geocommit: run", "One run, second by second: the verdict first, then why.")
    d.add(row("Verdict"), *verdict_panels())
    d.add(row("Latency"), *latency_panels())
    d.add(row("Locks"), *lock_panels())
    d.add(row("Blocking"), *blocking_panels())
    d.add(row("Faults and network"), *network_panels())
    d.add(row("Node health"), *health_panels())
    return d


def per_commit(metric):
    commits = total("geocommit_transactions_total", COMMIT, by=BY_PROTOCOL)
    return f"{total(metric, COMMIT_OR_READ, by=BY_PROTOCOL)} / {commits}"


def compare_dashboard():
    """Cells follow each other, so lines by time compare badly: bars over the whole of the shown time compare well."""
    d = Dashboard("geocommit-compare", "geocommit: compare protocols",
                  "The protocols of a run side by side, over the shown time: choose it so that it holds all cells.")

    def over_range(q, metric, labels=COMMIT):
        return f"histogram_quantile({q}, sum by (le, protocol) (increase({select(metric + '_bucket', labels)}[$__range])))"

    def bar(title, what, expression, unit, **more):
        return bars(title, what, [("A", expression, "{{protocol}}")], unit, **more)
    d.add(row("Verdict"), *verdict_panels())
    d.add(row("Latency"),
          bar("Client latency p50", "Intended start to outcome, of commits.", over_range(0.5, "geocommit_client_latency_seconds"), SECONDS),
          bar("Client latency p99", "Intended start to outcome, of commits.", over_range(0.99, "geocommit_client_latency_seconds"), SECONDS),
          bar("Commit latency p50", "Coordinator takes the request, to decision durable.", over_range(0.5, "geocommit_commit_latency_seconds"),
              SECONDS),
          bar("Commit latency p99", "Coordinator takes the request, to decision durable.", over_range(0.99, "geocommit_commit_latency_seconds"),
              SECONDS),
          bar("Commits", "Transactions committed in the shown time.", total("geocommit_client_transactions_total", COMMIT, by=BY_PROTOCOL),
              "short", width=12),
          bar("Share aborted", "Of those with an outcome.",
              f"{total('geocommit_client_transactions_total', ABORT, by=BY_PROTOCOL)} / "
              f"{total('geocommit_client_transactions_total', by_outcome('commit', 'abort'), by=BY_PROTOCOL)}", "percentunit",
              width=12),
          client_latency(by=BY_PROTOCOL, legend="{{protocol}}"), goodput(by=BY_PROTOCOL, legend="{{protocol}}"))
    d.add(row("Locks"),
          bar("Lock hold p50", "First lock granted to last lock released, per participant, of commits.",
              over_range(0.5, "geocommit_lock_hold_seconds"), SECONDS),
          bar("Lock hold p99", "First lock granted to last lock released, per participant, of commits.",
              over_range(0.99, "geocommit_lock_hold_seconds"), SECONDS),
          bar("Lock hold p99, aborted too", "... of every transaction: those that were blocked may have been aborted.",
              over_range(0.99, "geocommit_lock_hold_seconds", by_outcome("commit", "abort")), SECONDS),
          bar("Hot key ceiling", "1 / mean lock hold: the most commits a second that one key can see.",
              f"{total('geocommit_lock_hold_seconds_count', COMMIT, by=BY_PROTOCOL)} / "
              f"{total('geocommit_lock_hold_seconds_sum', COMMIT, by=BY_PROTOCOL)}", "cps"),
          bar("Share that had to queue", "Of the pairs of transaction and participant.",
              f"{total('geocommit_lock_waits_total', by=BY_PROTOCOL)} / {total('geocommit_lock_hold_seconds_count', by=BY_PROTOCOL)}",
              "percentunit", empty_is_fine=True))
    d.add(row("Blocking"),
          bar("In doubt p99", "YES durable to outcome known.", over_range(0.99, "geocommit_in_doubt_seconds", ""), SECONDS),
          bar("Most blocked at once", "Transactions past the decision timeout, summed over nodes.",
              f"max_over_time(sum by (protocol) ({select('geocommit_blocked_transactions')})[$__range:1s])", "short",
              steps=thresholds(green=None, red=1)),
          bar("Longest blocked", "Of the oldest blocked transaction that was ever seen, the time past its decision timeout.",
              f"max by (protocol) (max_over_time({select('geocommit_oldest_blocked_seconds')}[$__range]))", SECONDS,
              steps=thresholds(green=None, yellow=1, red=10)),
          bar("Unknown to clients", "Never told, within the time that clients wait.",
              total("geocommit_client_transactions_total", 'outcome="unknown"', by=BY_PROTOCOL), "short", steps=thresholds(green=None, yellow=1)),
          blocked(by=BY_PROTOCOL, legend="{{protocol}}"), in_doubt(by=BY_PROTOCOL, legend="{{protocol}}"))
    d.add(row("Cost per commit"),
          bar("Messages", "Per committed transaction, at all its sites, until it is forgotten; retries apart.",
              per_commit("geocommit_cost_messages_total"), "none"),
          bar("Messages across regions", "... whose ends are in different regions.", per_commit("geocommit_cost_wan_messages_total"), "none"),
          bar("Forced writes", "... log records that had to be durable before going on.", per_commit("geocommit_cost_forced_writes_total"), "none"),
          bar("Bytes across regions", "... encoded.", per_commit("geocommit_cost_wan_bytes_total"), "decbytes"))
    d.add(row("Faults and network"), fault_states())
    d.add(row("Node health"),
          table("Nodes", "What each node did in the shown time.",
                [("A", f"sum by (node) (increase({select('geocommit_forced_writes_total')}[$__range]))", "forced writes"),
                 ("B", f"sum by (node) (increase({select('geocommit_messages_total')}[$__range]))", "messages"),
                 ("C", f"max by (node) (max_over_time({select('geocommit_blocked_transactions')}[$__range]))", "most blocked")]))
    return d


def partition_dashboard():
    d = Dashboard("geocommit-partition", "geocommit: anatomy of a partition",
                  "What a cut between regions does to each side: who still commits, who waits, whose locks are stuck, and how it ends.")
    d.add(row("Verdict"), *verdict_panels())
    d.add(row("Faults and network"), fault_states(),
          timeseries("Retries", "Messages sent again as no answer came, and answers to them: the network's silence, heard from inside.",
                     [("A", sum_by(BY, rate("geocommit_messages_total", 'traffic="retry"')), LEGEND)], unit="pps", empty_is_fine=True),
          timeseries("Not sent, or refused", "By cause and region.",
                     [("A", sum_by("region, cause", rate("geocommit_transport_dropped_total")), "{{region}} {{cause}}")], unit="pps"))
    d.add(row("Latency"), goodput(), client_latency(),
          timeseries("Clients that wait too long", "Not answered in time, and asked for again; most are answered then.",
                     [("A", sum_by(BY, rate("geocommit_client_timeouts_total")), LEGEND)], unit="cps"),
          timeseries("Outstanding", "Requests that clients wait for now.",
                     [("A", sum_by(BY, select("geocommit_client_outstanding")), LEGEND)], unit="short"))
    d.add(row("Blocking"), in_doubt(), blocked(), oldest_blocked(),
          timeseries("Held up behind a blocked transaction", "Others that stood in line for its locks.",
                     [("A", sum_by("region, cause", rate("geocommit_held_up_transactions_total")), "{{region}} {{cause}}")], unit="cps",
                     empty_is_fine=True))
    d.add(row("Locks"),
          timeseries("Locks held", "Granted now: a plateau during the cut is the price of blocking.",
                     [("A", sum_by(BY, select("geocommit_locks_held")), LEGEND)], unit="short"),
          timeseries("Waiting for a lock", "Transactions in line now.", [("A", sum_by(BY, select("geocommit_lock_waiters")), LEGEND)],
                     unit="short"),
          timeseries("Aborts by cause", "As coordinators decided them.",
                     [("A", sum_by("protocol, reason", rate("geocommit_transactions_total", 'outcome="abort"')), "{{protocol}} {{reason}}")],
                     unit="cps"),
          timeseries("Protocol points", "What the protocol noted on its way: terminations, inquiries, takeovers.",
                     [("A", sum_by("event", rate("geocommit_protocol_points_total")), "{{event}}")], unit="cps"))
    d.add(row("Node health"), *health_panels()[:1])
    return d


def node_dashboard():
    d = Dashboard("geocommit-node", "geocommit: node", "One process (or several) of a run: what it sends, writes, holds and waits for.", node=True)
    by, legend = "node", "{{node}}"
    d.add(row("Node health"), *health_panels())
    d.add(row("Latency"),
          timeseries("Group commit", "Records in a batch: how many transactions share one forced write.",
                     [("A", f"sum by ({by}) ({rate('geocommit_log_batch_records_total')}) / sum by ({by}) ({rate('geocommit_log_batches_total')})",
                       legend)], unit="none"),
          timeseries("Log", "Bytes written to the commit log.", [("A", sum_by(by, rate("geocommit_log_bytes_total")), legend)], unit="Bps"),
          timeseries("Commit latency p99", "Coordinators only.",
                     [("A", quantiles(0.99, "geocommit_commit_latency_seconds", COMMIT, by), legend + " p99")], unit=SECONDS),
          timeseries("Staleness p99", "Home region only: age of what a replica has confirmed.",
                     [("A", quantiles(0.99, "geocommit_staleness_seconds", "", f"{by}, replica"), legend + " -> {{replica}} p99")], unit=SECONDS,
                     empty_is_fine=True))
    d.add(row("Locks"),
          timeseries("Lock hold p99", "First lock granted to last lock released, of commits, and of every transaction.",
                     [("A", quantiles(0.99, "geocommit_lock_hold_seconds", COMMIT, by), legend + " p99"),
                      ("B", quantiles(0.99, "geocommit_lock_hold_seconds", by_outcome("commit", "abort"), by), legend + " p99, aborted too")], unit=SECONDS),
          timeseries("Locks held", "Granted now.", [("A", sum_by(by, select("geocommit_locks_held")), legend)], unit="short"))
    d.add(row("Blocking"), blocked(by=by, legend=legend), oldest_blocked(by=by, legend=legend), in_doubt(by=by, legend=legend))
    d.add(row("Faults and network"), fault_states(),
          timeseries("Messages by kind", "Sent, a second.", [("A", sum_by("traffic, kind", rate("geocommit_messages_total")), "{{traffic}} {{kind}}")],
                     unit="pps", stack=True),
          timeseries("Items in a frame", "How many messages share one frame on the wire.",
                     [("A", f"sum by ({by}) ({rate('geocommit_transport_items_total')}) / sum by ({by}) ({rate('geocommit_transport_frames_total')})",
                       legend)], unit="none"),
          timeseries("Transport", "Bytes on the wire, by direction.",
                     [("A", sum_by(f"{by}, direction", rate("geocommit_transport_bytes_total")), legend + " {{direction}}")], unit="Bps"),
          timeseries("Peers known", "Whose epoch this node knows.", [("A", f"min by ({by}) ({select('geocommit_peers_known')})", legend)], unit="short"))
    return d


def all_dashboards():
    return [run_dashboard(), compare_dashboard(), partition_dashboard(), node_dashboard()]


def main():
    arguments = sys.argv[1:]
    if "-h" in arguments or "--help" in arguments:
        print(__doc__)
        return 0
    stale = []
    OUT.mkdir(exist_ok=True)
    for dashboard in all_dashboards():
        path = OUT / f"{dashboard.uid.removeprefix('geocommit-')}.json"
        text = json.dumps(dashboard.to_json(), indent=1, sort_keys=True) + "\n"
        if "--check" in arguments:
            if not path.exists() or path.read_text() != text:
                stale.append(str(path.relative_to(HERE.parent)))
        else:
            path.write_text(text)
    for path in stale:
        print(f"{path}: not what dashboards/make.py writes")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
