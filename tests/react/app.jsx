/** A list of tasks in React, rendered twice: one is translated while it lives, the other is not. */

import { Fragment, useReducer } from "react";
import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";

const TASKS = [
  "Buy some bread and milk.",
  "Call my sister tonight.",
  "Read the last page of the book.",
  "Wash the car before Sunday.",
  "Write a letter to my friend.",
];
const START = { tasks: TASKS.slice(0, 3).map((text, id) => ({ id, text, isDone: false })), next: 3, name: "Tom", hint: false };

function step(state, { type, at }) {
  const { tasks } = state;
  const task = tasks.length > 0 ? tasks[at % tasks.length] : null;
  const change = (changed) => ({ ...state, tasks: tasks.map((other) => (other === task ? { ...task, ...changed } : other)) });
  switch (type) {
    case "add":
      return { ...state, next: state.next + 1, tasks: [...tasks, { id: state.next, text: TASKS[at % TASKS.length], isDone: false }] };
    case "insert first":
      return { ...state, next: state.next + 1, tasks: [{ id: state.next, text: TASKS[at % TASKS.length], isDone: false }, ...tasks] };
    case "remove":
      return { ...state, tasks: tasks.filter((other) => other !== task) };
    case "finish":
      return change({ isDone: !task?.isDone });
    case "write":
      return change({ text: TASKS[at % TASKS.length] });
    case "reverse":
      return { ...state, tasks: [...tasks].reverse() };
    case "rotate":
      return { ...state, tasks: [...tasks.slice(1), ...tasks.slice(0, 1)] };
    case "name":
      return { ...state, name: ["Tom", "Anna", "Lucy"][at % 3] };
    case "hint":
      return { ...state, hint: !state.hint };
    default:
      throw new Error(`unknown action ${type}`);
  }
}

function Tasks({ onMount }) {
  const [{ tasks, name, hint }, act] = useReducer(step, START);
  onMount(act);
  const open = tasks.filter(({ isDone }) => !isDone).length;
  return (
    <Fragment>
      <h1>Good morning, {name}!</h1>
      {/* Text that comes and goes beside an element is what other translators make React fail at. */}
      <p>
        {hint && "Press the green button. "}
        You have <b>{open}</b> open {open === 1 ? "task" : "tasks"} today{hint ? <i> in the morning</i> : " at home"}.
      </p>
      {open === 0 ? <p>You are free to go home.</p> : "There is still work here. "}
      <ul>
        {tasks.map(({ id, text, isDone }) => (
          <li key={id} data-id={id} className={isDone ? "done" : "open"} title={text}>
            {isDone && <span>It is done. </span>}
            {text} {isDone ? "We are happy." : <a href="#x">Do it <b>now</b></a>}
          </li>
        ))}
      </ul>
      <input defaultValue="" placeholder="Write a new task here" />
    </Fragment>
  );
}

const actors = ["app", "twin"].map((id) => {
  let actor;
  const root = createRoot(document.getElementById(id), {
    onUncaughtError: (error) => window.faults.push(`${id}: ${error}`),
  });
  flushSync(() => root.render(<Tasks onMount={(act) => (actor = act)} />));
  return (action) => flushSync(() => actor(action));
});

window.faults = [];
window.addEventListener("error", ({ message }) => window.faults.push(message));
window.addEventListener("unhandledrejection", ({ reason }) => window.faults.push(String(reason)));
window.act = (type, at) => actors.forEach((actor) => actor({ type, at }));
