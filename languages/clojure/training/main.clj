;; What programs do most, for the image's build: the archive holds what Clojure and the program use of Java here.
(ns main
  (:require [clojure.edn :as edn]
            [clojure.pprint :refer [pprint]]
            [clojure.set :as set]
            [clojure.string :as str]
            [clojure.walk :as walk])
  (:import (java.time LocalDate)))

(defprotocol Shape
  (area [shape]))

(defrecord Circle [radius]
  Shape
  (area [_] (* Math/PI radius radius)))

(deftype Square [side]
  Shape
  (area [_] (* side side)))

(defmulti sound :kind)
(defmethod sound :dog [_] "Woof")
(defmethod sound :default [_] "...")

(defmacro unless [condition & body]
  `(if ~condition nil (do ~@body)))

(defn factorial
  ([n] (factorial n 1))
  ([n product] (if (<= n 1) product (recur (dec n) (*' product n)))))

(def fibonacci (map first (iterate (fn [[a b]] [b (+ a b)]) [0 1])))

(doseq [line (line-seq (java.io.BufferedReader. *in*))]
  (println (str/reverse line)))
(doseq [shape [(->Circle 1) (Square. 2)]]
  (println (format "%.2f" (double (area shape)))))
(println (sound {:kind :dog}) (sound {}) (unless false 1) (factorial 30) (take 10 fibonacci))
(println (into (sorted-map) (frequencies (re-seq #"\w+" "the cat and the hat"))))
(println (->> (range 10) (filter even?) (map #(* % %)) (reduce +)) (-> {:a 1} (assoc :b 2) (update :a inc) (dissoc :b)))
(println (transduce (comp (map inc) (filter odd?)) + (range 10)) (for [x [1 2] y [3 4] :when (odd? x)] [x y]))
(println (group-by odd? (range 4)) (sort-by - [3 1 2]) (partition 2 (range 4)) (zipmap [:a] [1]) (interleave [1] [2]))
(println (set/union #{1} #{2}) (edn/read-string "{:name \"Ada\"}") (str/join ", " (map str/upper-case ["a" "b"])))
(println (get-in {:a {:b 1}} [:a :b]) (assoc-in {} [:a :b] 1) (merge {:a 1} {:b 2}) (walk/keywordize-keys {"a" 1}))
(println (str (.plusDays (LocalDate/of 2024 2 28) 2)) (+ 1/10 2/10) (+ 0.1M 0.2M) (parse-long "12"))
(let [{:keys [a] :or {a 1} :as all} {:b 2}
      [head & tail] [1 2 3]
      state (atom {})
      lazy (delay 1)]
  (swap! state assoc :a a)
  (println a all head tail @state @lazy))
(println @(future (+ 1 2)) (deref (promise) 1 :late) (pmap inc [1 2]))
(let [account (ref 1)]
  (dosync (alter account inc))
  (println @account))
(loop [i 0]
  (when (< i 3)
    (print i "")
    (recur (inc i))))
(cond-> 1 true inc)
(println (case 1 1 :one :other) (cond false 1 :else 2) (some-> nil inc) (letfn [(f [x] x)] (f 1)))
(pprint {:a [1 2 3]})
(binding [*out* *err*]
  (println (try (Integer/parseInt "eight")
                (catch NumberFormatException e (ex-message e))
                (finally (flush)))))
(println (with-out-str (prn "x")) (pr-str [1 "a" \c nil :k]) (slurp (java.io.StringReader. "text")) *command-line-args*)
(shutdown-agents)
