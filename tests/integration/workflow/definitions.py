"""The workflows of these tests."""

TWO = """
workflow: two
steps:
  one: {task: echo, with: {n: "${{ [input.n][0] }}"}}
  two: {needs: [one], task: echo, with: {got: "${{ [steps.one.output.n][0] }}"}}
output: {answer: "${{ [steps.two.output.got][0] }}"}
"""
"""Three questions for the decision service: none of them is plain."""

PLAIN = """
workflow: plain
steps:
  one: {task: echo, with: {n: "${{ input.n }}"}}
  two: {needs: [one], task: echo, with: {got: "no. ${{ steps.one.output.n }}"}}
  each: {needs: [two], for_each: "${{ input.items }}", task: echo, with: {n: "${{ item }}"}}
output: {answer: "${{ steps.two.output.got }}", all: "${{ steps.each.output }}"}
"""
"""The same without any."""

ONE = """
workflow: one
input:
  type: object
  properties: {n: {type: integer}}
steps:
  do: {task: work}
"""

RETRIED = """
workflow: retried
steps:
  do: {task: work, retry: {max_attempts: 3, interval: 1h}}
  after: {needs: [do], task: echo}
"""

WAITS = """
workflow: waits
input:
  type: object
  properties: {for: {type: number}}
steps:
  pause: {wait: {for: "${{ input.for }}"}}
  after: {needs: [pause], task: echo}
"""

ASKS = """
workflow: asks
steps:
  told: {signal: {name: go}}
  allowed: {approval: {by: [ops]}}
output: {told: "${{ steps.told.output }}", by: "${{ steps.allowed.output.by }}"}
"""

PARENT = """
workflow: parent
steps:
  child: {workflow: child, with: {n: "${{ input.n }}"}}
output: {got: "${{ steps.child.output }}"}
"""

CHILD = """
workflow: child
steps:
  do: {task: work, with: {n: "${{ input.n }}"}}
output: {n: "${{ steps.do.output.n }}"}
"""

ENDLESS = """
workflow: endless
steps:
  again: {workflow: endless}
"""

SAYS = """
workflow: says
steps:
  say: {emit: {words: "${{ input.words }}"}}
"""
