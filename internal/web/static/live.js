// Live changes: asks for news every 1.5 seconds for two minutes after something
// happened, then every 5 seconds, or as the page says; slower after errors; not while
// the page is hidden or paused.
(() => {
  'use strict'
  const marker = document.querySelector('[data-live]')
  if (!marker) return
  const fast = Number(marker.dataset.fast) || 1500, slow = Number(marker.dataset.slow) || 5000
  const slowest = 60000, active = 120000, most = 200
  const state = document.getElementById('live-state')
  const pause = document.getElementById('live-pause')
  const changes = document.getElementById('changes')
  let timer = 0, paused = false, errors = 0, asking = false
  let last = performance.now() // when something happened

  const say = (text, tone) => {
    state.dataset.tone = tone
    if (state.textContent !== text) state.textContent = text
  }
  const plan = () => {
    clearTimeout(timer)
    if (paused || document.hidden || asking) return
    const pace = performance.now() - last < active ? fast : slow
    timer = setTimeout(ask, Math.min(slowest, pace * 2 ** errors))
  }
  const ask = () => {
    const live = document.querySelector('[data-live]')
    if (live) htmx.trigger(live, 'poll')
  }
  document.addEventListener('htmx:beforeRequest', () => { asking = true })
  document.addEventListener('htmx:afterRequest', (e) => {
    asking = false
    const status = e.detail.xhr.status
    if (status === 200) last = performance.now()
    if (status === 200 || status === 204) {
      errors = 0
      say('Live', 'good')
    } else if (status === 401) {
      say('Signed out: load the page again', 'bad')
      return
    } else {
      errors = Math.min(errors + 1, 6)
      say('No connection: nothing new is shown. Trying again.', 'bad')
    }
    plan()
  })
  document.addEventListener('htmx:oobAfterSwap', (e) => {
    if (e.detail.target !== changes) return
    const seen = new Set()
    for (const li of [...changes.children]) seen.has(li.id) ? li.remove() : seen.add(li.id)
    while (changes.children.length > most) changes.lastElementChild.remove()
  })
  document.addEventListener('htmx:load', (e) => { if (e.detail.elt.matches('#changes > li')) e.detail.elt.classList.add('fresh') })
  pause.addEventListener('click', () => {
    paused = !paused
    pause.textContent = paused ? 'Resume' : 'Pause'
    say(paused ? 'Paused' : 'Live', paused ? 'off' : 'good')
    if (paused) clearTimeout(timer)
    else ask()
  })
  document.addEventListener('visibilitychange', () => { if (!document.hidden && !paused) ask(); else clearTimeout(timer) })
  addEventListener('online', () => { if (!document.hidden && !paused && !asking) ask() })
  state.hidden = pause.hidden = false
  say('Live', 'good')
  plan()
})()
