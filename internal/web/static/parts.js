// Keeps the parts of a page up to date: asks for them every 1.5 seconds for ten minutes
// after something changed, then every 5 seconds, slower after errors, and not while the
// page is hidden. A part that has not changed is left alone, so that screen readers say
// what is new alone.
(() => {
  'use strict'
  const marker = document.querySelector('[data-parts]')
  if (!marker) return
  const fast = 1500, slow = 5000, slowest = 60000, active = 600000
  const known = new Map() // the last answer, by id
  let timer = 0, errors = 0, asking = false
  let last = performance.now() // when something changed

  const plan = () => {
    clearTimeout(timer)
    if (document.hidden || asking) return
    const wait = performance.now() - last < active ? fast : slow
    timer = setTimeout(ask, Math.min(slowest, wait * 2 ** errors))
  }
  const ask = async () => {
    asking = true
    try {
      const answer = await fetch(marker.dataset.parts, { headers: { 'HX-Request': 'true' } })
      if ([401, 404, 410].includes(answer.status)) {
        location.replace(location.pathname)
        return
      }
      if (!answer.ok) throw new Error(String(answer.status))
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
      for (const part of page.querySelectorAll('[data-part]')) update(part)
      errors = 0
    } catch {
      errors = Math.min(errors + 1, 6)
    }
    asking = false
    plan()
  }
  const update = (part) => {
    const old = document.getElementById(part.id)
    if (!old || known.get(part.id) === part.innerHTML) return
    const first = !known.has(part.id)
    known.set(part.id, part.innerHTML)
    if (!first) last = performance.now()
    old.replaceChildren(...part.childNodes)
    document.dispatchEvent(new CustomEvent('htmx:load', { detail: { elt: old } }))
  }
  document.addEventListener('visibilitychange', () => { if (document.hidden) clearTimeout(timer); else if (!asking) ask() })
  addEventListener('online', () => { if (!document.hidden && !asking) ask() })
  plan()
})()
