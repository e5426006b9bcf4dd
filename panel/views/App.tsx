/** The whole page. */
export function App() {
  return <main>AxonOS Credits</main>
}
